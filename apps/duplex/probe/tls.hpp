// TLS in memory, for the bytes of a peer.
#pragma once

#include <openssl/ssl.h>

#include <duplex/tls.hpp>
#include <memory>
#include <string>
#include <string_view>

namespace duplex::probe {

using tls_context = std::shared_ptr<SSL_CTX>;

/// What all connections to a target share: the files that the options name; the rest of them is
/// left alone. Throws std::runtime_error where one cannot be used.
tls_context make_tls_context(const tls_client& options);

/// The client's side of one connection. It reads and writes no socket: what is to be sent is taken
/// out, what came put in.
class tls_session {
 public:
  enum class state {
    open,
    ended,   ///< the server said that it is done
    broken,  ///< by an alert, or by bytes that are no TLS
  };

  /// Host: what the server's certificate must be for, unless the context is an insecure one.
  tls_session(const tls_context& context, const std::string& host);

  /// Goes as far as what came allows; true once both are done. Throws std::runtime_error where that
  /// can never be.
  bool shake_hands();
  /// Whether the handshake is done, as for all that follows.
  bool established() const { return SSL_is_init_finished(ssl_.get()) != 0; }

  void seal(std::string_view plain);
  /// Says that nothing more will be sealed.
  void finish();
  /// The bytes to be sent.
  std::string take_output();

  /// Takes bytes of the server, in the handshake too.
  void receive(std::string_view bytes);
  /// Appends what those mean, as far as they are complete.
  state unseal(std::string& to);

 private:
  std::unique_ptr<SSL, decltype(&SSL_free)> ssl_;
};

}  // namespace duplex::probe
