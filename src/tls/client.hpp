// A client's side of TLS, as `connect` keeps it while it connects.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include <duplex/tls.hpp>

#include "tls/engine.hpp"

namespace duplex::tls {

/// Copies what options say. Where they say nothing, all connections of the process share one
/// context, made when the first is needed: reading the system's authorities takes milliseconds.
class client {
 public:
  /// Throws as tls_client tells.
  explicit client(const tls_client& options);
  /// For one connection to the host, unless the options name another. Throws std::invalid_argument
  /// where that cannot be a host.
  std::unique_ptr<engine> make_engine(const std::string& host) const;

 private:
  std::shared_ptr<const context> own_;  // nullptr: that of the process
  std::optional<std::string> server_name_;
};

/// What a client needs to speak TLS with a server, with the one of another origin that it may be
/// redirected to, and with a proxy before either.
struct clients {
  clients(const tls_client& to_server, const tls_client& to_proxy);

  client server;
  client elsewhere;  ///< shows nobody the certificate that is for the server
  client proxy;
};

}  // namespace duplex::tls
