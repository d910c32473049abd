// The opening handshake without any I/O, for both sides (RFC 6455 section 4).
#pragma once

#include <exception>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <duplex/http.hpp>
#include <duplex/protocol/extension.hpp>
#include <duplex/protocol/http1.hpp>
#include <duplex/protocol/types.hpp>
#include <duplex/uri.hpp>

namespace duplex::protocol {

/// Whether a header is the handshake's own, which no application may add.
bool is_handshake_header(std::string_view name) noexcept;

/// A server's side: bytes in, a request or a refusal out. `write_response` makes the bytes of the
/// answer, whichever it is.
class server_handshake {
 public:
  explicit server_handshake(http1_limits limits = {}) : reader_(limits, limits.max_headers) {}

  void receive_data(std::span<const std::byte> bytes);
  /// The client will send nothing more. A request that was begun is refused then.
  void receive_eof();
  /// The request, once, as soon as it is complete and asks rightly for a WebSocket.
  std::optional<request> next_request();
  /// The request, once, as soon as it is complete and right HTTP with GET or HEAD: for servers that
  /// answer plain HTTP as well.
  std::optional<request> next_http_request();
  /// The refusal of such a request that does not ask rightly for a WebSocket.
  static std::optional<response> check_upgrade(const request&);
  /// Set where the request was wrong: the response to send before closing. Its body says why.
  const std::optional<response>& refusal() const { return refusal_; }
  /// What came after the request's head; belongs to the connection.
  std::span<const std::byte> rest() const { return reader_.rest(); }

  /// The 101 response to a right request. `extensions` is the value of Sec-WebSocket-Extensions;
  /// where it is empty there is none.
  static response accept(const request&, std::optional<std::string_view> subprotocol = {},
                         std::string_view extensions = {});
  /// Any other answer: text/plain, `Connection: close`, a Content-Length.
  static response reject(int status, std::string_view text);

 private:
  void check_first_line();
  void finish_head();

  http1_head_reader reader_;
  std::optional<request> request_;
  std::optional<response> refusal_;
  bool first_line_fits_ = false;
  bool finished_ = false;
};

/// Picks the first of the server's subprotocols that the client offers; nullopt where none fits.
std::optional<std::string> select_subprotocol(const request&,
                                              std::span<const std::string> supported);

/// Answers what a right request offers, with what a server knows, best first.
extension_agreement select_extensions(const request&, const server_extensions& known);

/// What a client asks for.
struct client_handshake_settings {
  std::optional<std::string> origin = {};
  std::vector<std::string> subprotocols = {};
  client_extensions extensions = {};  ///< offered, best first
  /// Replace the Host, Origin, Authorization and User-Agent headers the handshake has of its own.
  duplex::headers additional_headers = {};
  std::optional<std::string> user_agent_header = {};
};

/// A client's side.
class client_handshake {
 public:
  /// Throws std::invalid_argument where a setting cannot be a header, or would be one that is the
  /// handshake's own.
  client_handshake(const uri&, const client_handshake_settings&, http1_limits limits = {},
                   random_source = system_random());

  const duplex::request& request() const { return request_; }
  /// The request's bytes.
  std::string data_to_send() const { return write_request(request_); }
  void receive_data(std::span<const std::byte> bytes);
  void receive_eof();
  /// The 101 response, once, when it is complete and right.
  std::optional<response> next_response();
  /// Set where the handshake failed: an invalid_handshake or one of its kinds, for the caller to
  /// throw.
  std::exception_ptr failure() const { return failure_; }
  /// What the two agreed on.
  const std::optional<std::string>& subprotocol() const { return subprotocol_; }
  /// The extensions the two agreed on, once.
  extension_list take_extensions() { return std::move(extensions_); }
  /// What came after the response's head; belongs to the connection.
  std::span<const std::byte> rest() const { return reader_.rest(); }

 private:
  void check_first_line();
  void skip_interim_responses();
  void finish_head();
  void finish_body();
  void check_upgrade() const;
  void check_agreement();

  duplex::request request_;
  std::vector<std::string> offered_subprotocols_;
  client_extensions offered_extensions_;
  http1_limits limits_;
  http1_head_reader reader_;
  std::optional<http1_body_reader> body_;  // of an answer other than 101
  std::optional<response> response_;
  std::optional<std::string> subprotocol_;
  extension_list extensions_;
  std::exception_ptr failure_;
  int interim_responses_ = 0;
  bool first_line_fits_ = false;
  bool finished_ = false;
};

}  // namespace duplex::protocol
