// The options of serve, connect and send, with the defaults of Python's websockets.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <duplex/deflate_options.hpp>
#include <duplex/handshake.hpp>
#include <duplex/handshake_steps.hpp>
#include <duplex/http.hpp>
#include <duplex/inbox.hpp>
#include <duplex/io/address.hpp>
#include <duplex/log.hpp>
#include <duplex/origin.hpp>
#include <duplex/tls.hpp>
#include <duplex/view_list.hpp>

namespace duplex {

namespace protocol {
class client_extension;  // of protocol/extension.hpp, like the other
class server_extension;
}  // namespace protocol

using duration = std::chrono::steady_clock::duration;

/// A header field to be added: name and value.
struct header_view {
  std::string_view name = {};
  std::string_view value = {};
};

/// A numeric address to connect from; port 0 is any.
struct address_view {
  constexpr address_view(std::string_view numeric, std::uint16_t number = 0) noexcept  // NOLINT
      : host(numeric), port(number) {}
  constexpr address_view(const char* numeric) noexcept : host(numeric) {}  // NOLINT: implicit

  std::string_view host;
  std::uint16_t port = 0;
};

/// How to send one message.
struct send_options {
  /// Sends bytes as a text message (true; they must be UTF-8) or a string as a binary one (false).
  std::optional<bool> text = {};
  /// Where compression was agreed on: never (false), or also below the threshold (true). What does
  /// not shrink is sent as it is all the same.
  std::optional<bool> compress = {};
};

/// The proxy of a connection: a URL, nullopt for none, or by default the one that the environment
/// names.
class proxy_choice {
 public:
  constexpr proxy_choice() noexcept = default;
  constexpr proxy_choice(std::nullopt_t) noexcept : detect_(false) {}                   // NOLINT
  constexpr proxy_choice(std::string_view url) noexcept : url_(url), detect_(false) {}  // NOLINT
  constexpr proxy_choice(const char* url) noexcept
      : proxy_choice(std::string_view(url)) {}                                            // NOLINT
  proxy_choice(const std::string& url) noexcept : proxy_choice(std::string_view(url)) {}  // NOLINT

  constexpr bool detect() const noexcept { return detect_; }
  constexpr const std::optional<std::string_view>& url() const noexcept { return url_; }

 private:
  std::optional<std::string_view> url_;
  bool detect_ = true;
};

/// Options of `connect`. Views: what they refer to must live until `connect` returns its task.
struct connect_options {
  /// The Origin header (RFC 6454).
  std::optional<std::string_view> origin = {};
  /// Offered subprotocols, best first.
  view_list<std::string_view> subprotocols = {};
  /// Extensions offered before compression, best first. The objects must live until the connection
  /// is open.
  view_list<const protocol::client_extension*> extensions = {};
  /// Offers permessage-deflate; nullopt does not.
  std::optional<deflate_options> compression = deflate_options();
  /// Added to the request of the handshake.
  view_list<header_view> additional_headers = {};
  /// nullopt: none.
  std::optional<std::string_view> user_agent_header = default_user_agent();
  /// Bounds name look-up, TCP, TLS and the handshake together; nullopt: none.
  std::optional<duration> open_timeout = std::chrono::seconds(10);
  /// A ping is sent so often; nullopt: never.
  std::optional<duration> ping_interval = std::chrono::seconds(20);
  /// Nothing at all received so long after a ping: closed with 1011; nullopt: never. While reading
  /// pauses for the application silence counts for nothing; then a peer that has taken nothing for
  /// ping_interval + ping_timeout of what waits to be sent is dropped with 1011.
  std::optional<duration> ping_timeout = std::chrono::seconds(20);
  /// Bounds each step of closing.
  std::optional<duration> close_timeout = std::chrono::seconds(10);
  /// Bytes of a message received; 1009 beyond. nullopt: no limit, as for every limit that follows.
  std::optional<std::size_t> max_size = std::size_t{1} << 20;
  /// Payload bytes of a frame received, before decompression; 1009 beyond. nullopt: none but
  /// max_size.
  std::optional<std::size_t> max_frame_size = {};
  /// Frames of a message received; 1008 beyond. Fragments cost no memory beyond their payload, so
  /// that no limit is needed for safety.
  std::optional<std::size_t> max_fragments = {};
  /// Messages received and not yet taken at which reading pauses.
  water_marks max_queue = 32;
  /// Their bytes at which it pauses too; nullopt: four times max_size.
  std::optional<std::size_t> max_queue_bytes = {};
  /// Bytes of one read.
  std::size_t read_limit = std::size_t{1} << 16;
  /// Unsent bytes above which `send` waits; 0: it waits until all is sent.
  water_marks write_limit = std::size_t{1} << 16;
  /// Where to connect instead of the URI's host: a name, a numeric address, or "unix:" and the path
  /// of a unix socket.
  std::optional<std::string_view> host = {};
  /// Where to connect instead of the URI's port.
  std::optional<int> port = {};
  address_family family = address_family::any;
  /// A connected socket, of TCP or a unix socket, to use instead of connecting, on the loop of the
  /// thread that calls `connect`. It is taken over, and closed whatever becomes of the connection,
  /// unless `connect` throws std::invalid_argument or invalid_uri. Goes with none of the options
  /// `host`, `port`, `family` and `local_addr`.
  std::optional<int> sock = {};
  /// Where to connect from; restricts the family to its own.
  std::optional<address_view> local_addr = {};
  /// The way through a proxy: a URL with the scheme `http`, `https`, `socks4`, `socks4a`, `socks5`
  /// or `socks5h`, and credentials if it wants them (percent-encoded); std::nullopt: none. By
  /// default what the environment names: `ws_proxy` or `wss_proxy`, then `socks_proxy`,
  /// `https_proxy`, `http_proxy` (not for `wss`), `all_proxy`, in either case, but for the servers
  /// that `no_proxy` lists.
  proxy_choice proxy = {};
  /// Redirects (301, 302, 303, 307, 308) that are followed, never from wss to ws; userinfo and the
  /// headers Authorization and Cookie stay with their origin. 0: none, the answer is an error;
  /// nullopt: DUPLEX_MAX_REDIRECTS of the environment, or 10.
  std::optional<std::size_t> max_redirects = {};
  /// For `wss`: whom to trust, and the client's own certificate.
  tls_client tls = {};
  /// The same for a proxy of https.
  tls_client proxy_tls = {};
  /// nullptr: warnings and errors to stderr. Copied.
  const duplex::logger* logger = nullptr;

  /// DUPLEX_USER_AGENT of the environment, or "duplex/X.Y.Z (platform)".
  static std::string_view default_user_agent();
};

static_assert(std::is_trivially_destructible_v<send_options>);
static_assert(std::is_trivially_destructible_v<connect_options>);

/// Options of `serve`.
struct serve_options {
  /// Pages that may connect, by any of these rules: texts, `same_origin`, `no_origin`,
  /// `origin_matching`, functions. Others are refused with 403. Empty: all.
  std::vector<origin_rule> origins = {};
  /// Supported subprotocols, best first. A client that offers none of them is refused with 400.
  std::vector<std::string> subprotocols = {};
  /// Chooses among what the client offers instead, in its order. nullopt: none, and the connection
  /// opens; a negotiation_error refuses with 400 and its text.
  std::function<std::optional<std::string>(const handshake&, std::span<const std::string> offered)>
      select_subprotocol = {};
  /// Extensions answered before compression, best first.
  std::vector<std::shared_ptr<const protocol::server_extension>> extensions = {};
  /// Answers offers of permessage-deflate; nullopt declines them.
  std::optional<deflate_options> compression = deflate_options();
  /// Asked about each request that is right HTTP with GET or HEAD, for a WebSocket or not: what
  /// one of them answers is sent and the connection closed. Where none does, the handshake goes on.
  /// What throws is logged and answered with 500.
  request_steps process_request = {};
  /// Shown each response to such a request before it leaves, to add cookies or to replace it.
  response_steps process_response = {};
  /// Makes what `connection::data` gives, for each connection that opens.
  std::function<connection_data(const handshake&)> create_connection = {};
  /// Added to the response of the handshake: fields, or a function of the request.
  response_headers additional_headers = {};
  /// nullopt: none.
  std::optional<std::string> server_header = default_server_header();
  /// Bounds the handshake, of TLS too; nullopt: none.
  std::optional<duration> open_timeout = std::chrono::seconds(10);
  /// As in connect_options, like all that follow to `write_limit`.
  std::optional<duration> ping_interval = std::chrono::seconds(20);
  std::optional<duration> ping_timeout = std::chrono::seconds(20);
  std::optional<duration> close_timeout = std::chrono::seconds(10);
  std::optional<std::size_t> max_size = std::size_t{1} << 20;
  std::optional<std::size_t> max_frame_size = {};
  std::optional<std::size_t> max_fragments = {};
  water_marks max_queue = 32;
  std::optional<std::size_t> max_queue_bytes = {};
  std::size_t read_limit = std::size_t{1} << 16;
  water_marks write_limit = std::size_t{1} << 16;
  /// Connections at a time, those in their handshake included; beyond it 503 with Retry-After.
  /// nullopt, as for the next two: unlimited.
  std::optional<std::size_t> max_connections = {};
  /// The same for one IPv4 address, or one IPv6 network of 64 bits.
  std::optional<std::size_t> max_connections_per_address = {};
  /// Connections accepted in a second, on average; so many may come at once.
  std::optional<std::size_t> max_accept_rate = {};
  /// Connections waiting to be accepted (listen(2)).
  int backlog = 511;
  /// Lets several servers, each with this option, listen on one port; the system shares the
  /// connections out among them (SO_REUSEPORT). Not of unix sockets.
  bool reuse_port = false;
  /// Whether `serve` starts accepting; where not, who comes waits until `server::start_serving`.
  bool start_serving = true;
  address_family family = address_family::any;
  /// Listening sockets, of TCP or unix sockets, to serve instead of hosts and port. They are taken
  /// over, and closed with the server, unless `serve` throws std::invalid_argument.
  std::vector<int> sock = {};
  /// Of the file of a unix socket, such as 0660; nullopt: those the umask leaves.
  std::optional<unsigned> unix_permissions = {};
  /// Every connection must begin with a header of the PROXY protocol, version 1 or 2, which tells
  /// who connected to the proxy in front of this server: `remote_address` and `local_address` are
  /// what it says. A connection without one is dropped.
  bool proxy_protocol = false;
  /// Proxies whose header is believed: addresses, networks ("10.0.0.0/8"), "unix:" for whoever may
  /// open the unix socket; connections of others are dropped. Empty: everybody, which is right only
  /// where nobody but the proxy can connect.
  std::vector<std::string> trusted_proxies = {};
  /// Loops, each on a thread of its own but the first, which is the caller's; 0: one for each core.
  /// Handlers, and functions among these options, are called on all of them.
  int threads = 1;
  /// Speaks TLS, `wss`, with these certificates; nullopt: plain `ws`.
  std::optional<tls_server> tls = {};
  duplex::logger logger = stderr_logger();

  /// DUPLEX_SERVER of the environment, or "duplex/X.Y.Z (platform)".
  static std::string default_server_header();
};

}  // namespace duplex
