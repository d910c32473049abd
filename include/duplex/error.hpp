// Every exception the library throws; the environment's failures are a std::system_error too.
#pragma once

#include <exception>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>

#include <duplex/close_code.hpp>
#include <duplex/http.hpp>

namespace duplex {

/// The root of the tree. Control characters in `what()`, which may quote a peer, are escaped.
class error : public std::runtime_error {
 public:
  explicit error(const std::string& text);
};

/// The environment failed: the network, the system. `what()` says what was tried, and why it failed
/// in lower case: "cannot connect to localhost:8765: connection refused".
class system_error : public std::system_error {
 public:
  system_error(std::error_code code, const std::string& doing);
  const char* what() const noexcept override { return text_.what(); }

 private:
  std::runtime_error text_;  // a string that can be copied without failing
};

/// The connection has ended. `what()` reads like
/// "received 1001 (going away); then sent 1001 (going away)".
class connection_closed : public error {
 public:
  connection_closed(std::optional<close_info> rcvd, std::optional<close_info> sent,
                    std::optional<bool> rcvd_then_sent);

  /// The close frame received, if any.
  const std::optional<close_info>& rcvd() const noexcept { return rcvd_; }
  /// The close frame sent, if any.
  const std::optional<close_info>& sent() const noexcept { return sent_; }
  /// Which came first, where there were both.
  std::optional<bool> rcvd_then_sent() const noexcept { return rcvd_then_sent_; }

 private:
  std::optional<close_info> rcvd_, sent_;
  std::optional<bool> rcvd_then_sent_;
};

/// It ended with 1000, 1001 or no code on both sides.
class connection_closed_ok : public connection_closed {
 public:
  using connection_closed::connection_closed;
};

/// It ended in any other way.
class connection_closed_error : public connection_closed {
 public:
  using connection_closed::connection_closed;
};

/// A connection_closed_ok or a connection_closed_error, whichever these close frames make it.
std::exception_ptr make_connection_closed(std::optional<close_info> rcvd,
                                          std::optional<close_info> sent,
                                          std::optional<bool> rcvd_then_sent);

/// Not a WebSocket URI (RFC 6455 section 3).
class invalid_uri : public error {
 public:
  invalid_uri(std::string uri, const std::string& problem)
      : error("'" + uri + "' is not a valid WebSocket URI: " + problem), uri_(std::move(uri)) {}
  const std::string& uri() const noexcept { return uri_; }

 private:
  std::string uri_;
};

/// Not the URL of a proxy.
class invalid_proxy : public error {
 public:
  invalid_proxy(std::string proxy, const std::string& problem)
      : error("'" + proxy + "' is not a valid proxy: " + problem), proxy_(std::move(proxy)) {}
  /// Without its credentials.
  const std::string& proxy() const noexcept { return proxy_; }

 private:
  std::string proxy_;
};

/// The opening handshake failed.
class invalid_handshake : public error {
 public:
  using error::error;
};

/// What came is no HTTP.
class invalid_message : public invalid_handshake {
 public:
  explicit invalid_message(const std::string& text, bool ended = false)
      : invalid_handshake(text), ended_(ended) {}
  /// Whether it is only that the connection ended before there was an answer.
  bool ended() const noexcept { return ended_; }

 private:
  bool ended_;
};

/// A proxy did not connect to the server.
class proxy_error : public invalid_handshake {
 public:
  explicit proxy_error(const std::string& text, bool transient = false)
      : invalid_handshake(text), transient_(transient) {}
  /// Whether another attempt may succeed: the proxy could not reach the server, or went away.
  bool transient() const noexcept { return transient_; }

 private:
  bool transient_;
};

/// What came from an HTTP proxy is no HTTP.
class invalid_proxy_message : public proxy_error {
 public:
  using proxy_error::proxy_error;
};

/// An HTTP proxy answered something other than 2xx.
class invalid_proxy_status : public proxy_error {
 public:
  /// `proxy`: its name in the message, "proxy localhost:3128".
  invalid_proxy_status(const std::string& proxy, duplex::response response);
  /// Of its body, up to 16 KiB.
  const duplex::response& response() const noexcept { return response_; }

 private:
  duplex::response response_;
};

/// The handshake of TLS failed: a certificate that is not trusted, sides that do not fit, a peer
/// that speaks no TLS. `what()` tells which.
class tls_error : public invalid_handshake {
 public:
  using invalid_handshake::invalid_handshake;
};

/// A limit of the handshake was passed.
class security_error : public invalid_handshake {
 public:
  using invalid_handshake::invalid_handshake;
};

/// The server answered something other than 101. `what()` quotes its reason and the first line of a
/// body that is text: "server rejected WebSocket connection: HTTP 403 Forbidden: not you".
class invalid_status : public invalid_handshake {
 public:
  explicit invalid_status(duplex::response response);
  const duplex::response& response() const noexcept { return response_; }

 private:
  duplex::response response_;
};

/// A header of the handshake is missing, or has a wrong value.
class invalid_header : public invalid_handshake {
 public:
  /// `value` is nullopt where the header is missing.
  invalid_header(std::string name, std::optional<std::string> value = {});
  const std::string& name() const noexcept { return name_; }
  const std::optional<std::string>& value() const noexcept { return value_; }

 private:
  std::string name_;
  std::optional<std::string> value_;
};

/// `Upgrade` or `Connection` is wrong.
class invalid_upgrade : public invalid_header {
 public:
  using invalid_header::invalid_header;
};

/// The two sides cannot agree on a subprotocol or an extension.
class negotiation_error : public invalid_handshake {
 public:
  using invalid_handshake::invalid_handshake;
};

/// Two coroutines or threads wait where only one may.
class concurrency_error : public error {
 public:
  using error::error;
};

namespace detail {
/// Whether a status tells of a failure, of the server or of a gateway before it, that may pass.
bool is_transient_status(int status) noexcept;
}  // namespace detail

/// The object is not in a state for this call.
class invalid_state : public error {
 public:
  using error::error;
};

/// A wait passed its limit; the connection is unharmed.
class timeout : public error {
 public:
  using error::error;
};

}  // namespace duplex
