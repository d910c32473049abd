// What many connections share: certificates, trust and protocol versions.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <duplex/tls.hpp>

#include "tls/certificate.hpp"
#include "tls/openssl.hpp"

namespace duplex::tls {

/// Immutable once made, and shared by the connections made with it, on any thread.
struct context {
  context_ptr native = {};
  std::vector<credentials> more = {};  ///< of a server, for other names
  std::string alpn = {};               ///< as it is written in a handshake (RFC 7301 section 3.1)
};

/// Throw std::system_error where a file cannot be read, std::invalid_argument where an option is
/// wrong.
std::shared_ptr<const context> make_client_context(const tls_client& options);
std::shared_ptr<const context> make_server_context(const tls_certificate& first,
                                                   const tls_server_options& options);

}  // namespace duplex::tls
