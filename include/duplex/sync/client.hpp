// A blocking WebSocket client: no coroutines, no loop, the same protocol.
#pragma once

#include <concepts>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

#include <duplex/coro/limit.hpp>
#include <duplex/error.hpp>
#include <duplex/http.hpp>
#include <duplex/io/address.hpp>
#include <duplex/message.hpp>
#include <duplex/options.hpp>
#include <duplex/payload.hpp>
#include <duplex/protocol/types.hpp>
#include <duplex/protocol/utf8.hpp>
#include <duplex/stats.hpp>
#include <duplex/tls.hpp>

namespace duplex::sync {

class blocking_connection;
class reconnecting;

/// What can be sent in fragments too: a function that gives one after the other, then nullopt.
template <class Source>
concept fragment_source = std::same_as<std::invoke_result_t<Source&>, std::optional<message>>;

/// One message received in fragments, as `client_connection::recv_streaming` gives it. It must not
/// outlive its connection. Destroyed before the end it gives the message up: what still comes of it
/// is skipped.
class message_stream {
 public:
  message_stream(message_stream&&) noexcept;
  message_stream& operator=(message_stream&&) noexcept;
  ~message_stream();

  bool is_text() const noexcept { return type_ == message::type::text; }
  /// As duplex::message_stream::next.
  std::optional<message> next(limit limit = {});

 private:
  friend class client_connection;
  message_stream(blocking_connection& of, message::type type) noexcept : impl_(&of), type_(type) {}

  blocking_connection* impl_;  // nullptr: moved away, or at the end
  message::type type_;
};

/// A message that is being sent in fragments. Destroyed between its first and its last it starts
/// closing the connection with 1011.
class fragmented_message {
 public:
  fragmented_message(blocking_connection& of, send_options options) noexcept
      : impl_(of), options_(options) {}
  fragmented_message(const fragmented_message&) = delete;
  fragmented_message& operator=(const fragmented_message&) = delete;
  ~fragmented_message();

  void send(payload fragment, const limit& limit);
  void finish(const limit& limit);

 private:
  friend class blocking_connection;

  blocking_connection& impl_;
  send_options options_;
  std::optional<message::type> type_;  // since the first fragment
  protocol::utf8_validator text_;
};

/// An open connection whose calls block the calling thread.
///
/// Thread-safe: one thread may receive while others send. The I/O is done in the caller's thread;
/// while no call is under way for longer than a moment, one small service thread shared by all
/// blocking connections reads their sockets, answers pings and closes, and sends keepalive pings,
/// so that a program may think for minutes between two calls.
class client_connection {
 public:
  client_connection(client_connection&&) noexcept;
  client_connection& operator=(client_connection&&) noexcept;
  /// Of an open connection: closes with 1000 (1011 while an exception unwinds), waiting for at most
  /// close_timeout.
  ~client_connection();

  /// The next message. Throws connection_closed at any end, duplex::timeout past the limit,
  /// concurrency_error where another thread receives already.
  message recv(limit limit = {});
  /// The next message, or nullopt once the connection ended with 1000, 1001 or no code; throws
  /// connection_closed_error at any other end.
  std::optional<message> next(limit limit = {});
  /// Sends one message; returns once at most write_limit bytes are unsent. A message whose wait
  /// was given up is sent all the same. Throws connection_closed, and std::invalid_argument
  /// for text that is not UTF-8. While another thread sends a message in fragments it waits for the
  /// end of that one; given up then, nothing is sent.
  void send(payload payload, send_options options = {}, limit limit = {});
  /// Sends one message in fragments, as duplex::connection does: the elements of a range.
  template <fragment_range Range>
  void send(Range&& fragments, send_options options = {}, limit limit = {}) {
    fragmented_message message(*impl_, options);
    for (auto&& each : fragments) message.send(payload(each), limit);
    message.finish(limit);
  }
  /// Or what a function gives until nullopt. It must not send on this connection itself.
  template <fragment_source Source>
  void send(Source&& source, send_options options = {}, limit limit = {}) {
    fragmented_message message(*impl_, options);
    while (auto fragment = source()) message.send(*fragment, limit);
    message.finish(limit);
  }
  /// The next message in fragments, as duplex::connection::recv_streaming.
  message_stream recv_streaming(limit limit = {});
  /// Sends a ping and waits for its pong; gives the round-trip time.
  duration ping(limit limit = {});
  duration ping(std::span<const std::byte> data, limit limit = {});
  void pong(std::span<const std::byte> data = {});
  /// The closing handshake; returns when the connection is closed. Idempotent.
  void close(std::uint16_t code = 1000, std::string_view reason = {});
  /// Drops the connection now.
  void abort();

  const std::string& id() const;
  address local_address() const;
  address remote_address() const;
  protocol::state state() const;
  const duplex::request& request() const;
  const duplex::response& response() const;
  const std::optional<std::string>& subprotocol() const;
  /// What TLS agreed on, the server's certificate included; nullptr: there is none.
  const tls_info* tls() const;
  std::optional<duration> latency() const;
  std::optional<std::uint16_t> close_code() const;
  std::string close_reason() const;
  /// Bytes queued and not yet taken by the system.
  std::size_t buffered_amount() const;
  connection_stats stats() const;

 private:
  friend client_connection connect(std::string_view uri, const connect_options& options);
  friend class reconnecting;
  explicit client_connection(std::unique_ptr<blocking_connection> opened) noexcept;

  std::unique_ptr<blocking_connection> impl_;
};

/// Opens a connection, as duplex::connect does, in the calling thread.
client_connection connect(std::string_view uri, const connect_options& options = {});

/// The same through a unix socket, as duplex::unix_connect does.
client_connection unix_connect(std::string_view path, std::string_view uri = "ws://localhost/",
                               connect_options options = {});

}  // namespace duplex::sync
