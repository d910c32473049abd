// An open WebSocket connection, of a server or a client, as coroutines use it.
#pragma once

#include <chrono>
#include <concepts>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <ranges>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <type_traits>

#include <duplex/broadcast_options.hpp>
#include <duplex/coro/executor.hpp>
#include <duplex/coro/limit.hpp>
#include <duplex/coro/task.hpp>
#include <duplex/error.hpp>
#include <duplex/handshake.hpp>
#include <duplex/http.hpp>
#include <duplex/io/address.hpp>
#include <duplex/io/loop.hpp>
#include <duplex/message.hpp>
#include <duplex/options.hpp>
#include <duplex/payload.hpp>
#include <duplex/protocol/types.hpp>
#include <duplex/protocol/utf8.hpp>
#include <duplex/stats.hpp>
#include <duplex/tls.hpp>

namespace duplex {

namespace detail {
class connection_impl;
class recv_operation;
class next_operation;
class send_operation;
class fragmented_message;

/// What can be sent in fragments too: a function that gives one after the other, then nullopt.
template <class Source>
concept fragment_source = std::same_as<std::invoke_result_t<Source&>, task<std::optional<message>>>;
}  // namespace detail

/// A connection as other threads may know it: a handle that outlives what it is of, and can be
/// copied.
class connection_handle {
 public:
  /// Any thread: sends a message, without waiting, after those this thread posted before; the
  /// options decide what becomes of it where the connection is slow. False: the connection's loop
  /// has ended. A connection that has ended by the time it is looked at gets nothing. Throws
  /// std::invalid_argument for text that is not UTF-8.
  bool post_send(payload payload, broadcast_options options = {}) const;

 private:
  friend class connection;
  connection_handle(io::loop_handle loop, std::weak_ptr<detail::connection_impl> impl) noexcept
      : loop_(std::move(loop)), impl_(std::move(impl)) {}

  io::loop_handle loop_;
  std::weak_ptr<detail::connection_impl> impl_;
};

/// One message received in fragments, as `connection::recv_streaming` gives it.
///
/// Until its end nothing else can be received. Destroyed before it, it gives the message up: what
/// still comes of it is skipped, and the next message is the next.
class message_stream {
 public:
  message_stream(message_stream&&) noexcept = default;
  message_stream& operator=(message_stream&& other) noexcept;
  ~message_stream();

  bool is_text() const noexcept { return type_ == message::type::text; }
  /// What has come since the last call, as soon as that is anything, of at most some 64 KiB (more
  /// where it was compressed); nullopt once the message is complete. The fragments of a text are
  /// valid UTF-8, each. They are not those of the peer. Throws connection_closed where the
  /// connection ends before the message.
  [[nodiscard]] task<std::optional<message>> next(limit limit = {});

 private:
  friend class connection;
  message_stream(std::shared_ptr<detail::connection_impl> impl, message::type type) noexcept
      : impl_(std::move(impl)), type_(type) {}
  static task<std::optional<message>> next_of(std::shared_ptr<detail::connection_impl> impl,
                                              message_stream& stream, limit limit);

  std::shared_ptr<detail::connection_impl> impl_;  // nullptr: moved away, or at the end
  message::type type_;
};

/// A connection: one coroutine receives, any number send.
///
/// All of it belongs to the thread of its loop, whose end drops it. Every waiting operation takes a
/// limit, and giving up on one leaves the connection usable. After its end, whatever that was, it
/// can be destroyed, and what was received before can still be read.
class connection {
 public:
  connection(connection&&) noexcept;
  connection& operator=(connection&&) noexcept;
  /// Of an open connection: starts closing with 1000 (1011 while an exception unwinds) in the
  /// background; `run` waits for it, bounded by close_timeout.
  ~connection();

  /// The next message. Throws connection_closed (connection_closed_ok or connection_closed_error)
  /// once the connection is closed, concurrency_error where another coroutine receives already.
  [[nodiscard]] detail::recv_operation recv(limit limit = {});
  /// The next message, or nullopt once the connection ended with 1000, 1001 or no code; throws
  /// connection_closed_error at any other end. For `while (auto message = co_await ws.next())`.
  [[nodiscard]] detail::next_operation next(limit limit = {});

  /// Sends one message and waits while more than write_limit bytes are unsent. Sends may overlap:
  /// messages leave in the order of the calls. The message is queued whole even where the wait is
  /// given up. Throws connection_closed, where the connection closes once it is closed, and
  /// std::invalid_argument for text that is not UTF-8.
  [[nodiscard]] detail::send_operation send(payload payload, send_options options = {},
                                            limit limit = {});

  /// The next message in fragments, as they come: one of any size needs little memory. Waits for
  /// its beginning. max_size bounds no message from the first call of this until `recv` or `next`
  /// is called again: the application does, by giving one up. Throws as `recv`.
  [[nodiscard]] task<message_stream> recv_streaming(limit limit = {});

  /// Sends one message in fragments: the elements of a range, which must live until the end of the
  /// call. All are of one type; those of a text need not be valid UTF-8 each. Waits after each as
  /// `send` does. Control frames go between them; other messages are held back until the last, and
  /// count for write_limit. Of an empty range nothing is sent. A message half sent cannot be
  /// finished: where the limit ends the wait, an element is not what it must be, or an exception
  /// comes from the range, the connection is closed with 1011.
  template <fragment_range Range>
  [[nodiscard]] task<> send(Range&& fragments, send_options options = {}, limit limit = {}) {
    return send_range(impl_, fragments, options, std::move(limit));
  }
  /// As above: what a function, a variable that lives until the end of the call, gives until
  /// nullopt.
  template <detail::fragment_source Source>
  [[nodiscard]] task<> send(Source& source, send_options options = {}, limit limit = {}) {
    return send_source(impl_, source, options, std::move(limit));
  }

  /// Gets what is published on a topic of its server from now on. A second time does nothing. Ends
  /// with the connection. Throws std::invalid_argument for a topic that is empty or longer than
  /// 1024 bytes, invalid_state for a connection of a client, and from the 1025th topic on.
  void subscribe(std::string_view topic);
  void unsubscribe(std::string_view topic);
  /// Publishes to the topic's other subscribers, as `server::publish`. Throws invalid_state for a
  /// connection of a client.
  void publish(std::string_view topic, payload payload, broadcast_options options = {});

  /// For other threads.
  connection_handle handle() const;
  /// Any thread, while the connection is there: as `handle().post_send`.
  bool post_send(payload payload, broadcast_options options = {}) const;

  /// Sends a ping and gives the round-trip time once its pong came. Of at most 125 bytes
  /// (std::invalid_argument); random where none are given. Throws connection_closed.
  [[nodiscard]] task<duration> ping(limit limit = {});
  [[nodiscard]] task<duration> ping(std::span<const std::byte> data, limit limit = {});
  /// An unsolicited pong, of at most 125 bytes.
  void pong(std::span<const std::byte> data = {});

  /// The closing handshake (RFC 6455 section 7): waits until the connection is closed, bounded by
  /// close_timeout. Idempotent: on a closed connection it does nothing. std::invalid_argument: a
  /// code that cannot be sent, a reason of more than 123 bytes or that is not UTF-8.
  [[nodiscard]] task<> close(std::uint16_t code = 1000, std::string_view reason = {});
  /// Waits until the connection is closed, whoever closes it.
  [[nodiscard]] task<> wait_closed(limit limit = {});
  /// Drops the connection now, without a closing handshake.
  void abort();
  /// Stopped when the connection ends: for work done elsewhere on its behalf.
  std::stop_token stop_token();

  /// A random UUID (RFC 9562, version 4), made when first asked for.
  const std::string& id() const;
  address local_address() const;
  address remote_address() const;
  protocol::state state() const;
  const duplex::request& request() const;
  const duplex::response& response() const;
  const std::optional<std::string>& subprotocol() const;
  /// What TLS agreed on, the peer's certificate included; nullptr: there is none.
  const tls_info* tls() const;
  /// Who the peer has proven to be in the handshake (see `basic_auth`); of a server's connections.
  const std::optional<std::string>& username() const;
  /// What stood in the place of the parameters of the route (see `route`), percent-decoded:
  /// `ws.parameters().at("room")`. Of a server's connections.
  const std::map<std::string, std::string>& parameters() const;
  /// What `create_connection`, or a step of `process_request`, has made for this connection of a
  /// server. Throws invalid_state where that is no T.
  template <class T>
  T& data() const {
    if (T* found = stored_data().template get<T>()) return *found;
    throw invalid_state("the connection has no data of this type");
  }
  /// Round trip of the last ping answered, keepalive's included.
  std::optional<duration> latency() const;
  /// The code received: 1005 where the close frame was empty, 1006 where none came; nullopt while
  /// the connection is not closed.
  std::optional<std::uint16_t> close_code() const;
  std::string_view close_reason() const;
  /// Bytes queued and not yet taken by the system.
  std::size_t buffered_amount() const;
  connection_stats stats() const;

 private:
  friend class detail::connection_impl;
  explicit connection(std::shared_ptr<detail::connection_impl> impl) noexcept;
  static task<message_stream> begin_stream(std::shared_ptr<detail::connection_impl> impl,
                                           limit limit);
  template <class Range>
  static task<> send_range(std::shared_ptr<detail::connection_impl> impl, Range& fragments,
                           send_options options, limit limit);
  template <class Source>
  static task<> send_source(std::shared_ptr<detail::connection_impl> impl, Source& source,
                            send_options options, limit limit);
  const connection_data& stored_data() const;

  std::shared_ptr<detail::connection_impl> impl_;
  int exceptions_;  // unwinding when it was made
};

/// What `connect` gives: the same, owned by whoever connected.
using client_connection = connection;

namespace detail {

/// What a coroutine that waits on a connection needs, made only where it must wait.
struct connection_wait {
  explicit connection_wait(connection_impl& impl);
  ~connection_wait();

  std::shared_ptr<connection_impl> connection;  // kept: its owner may be destroyed
  coro::waiter waiter;
};

/// The wait for a message: what `recv` and `next` share. Awaited at once where it is made.
class receive_wait {
 public:
  receive_wait(const receive_wait&) = delete;
  receive_wait& operator=(const receive_wait&) = delete;

  bool await_ready();
  void await_suspend(std::coroutine_handle<> coroutine);

 protected:
  receive_wait(connection_impl& impl, limit limit) noexcept
      : impl_(impl), limit_(std::move(limit)) {}
  void finish();  // takes the message, if any; throws where the limit ended the wait

  connection_impl& impl_;
  std::optional<message> message_;

 private:
  limit limit_;
  std::optional<connection_wait> waiting_;
};

class recv_operation : public receive_wait {
 public:
  recv_operation(connection_impl& impl, limit limit) noexcept
      : receive_wait(impl, std::move(limit)) {}
  message await_resume() {
    if (!message_) finish();
    return std::move(*message_);
  }

 private:
  void finish();
};

class next_operation : public receive_wait {
 public:
  next_operation(connection_impl& impl, limit limit) noexcept
      : receive_wait(impl, std::move(limit)) {}
  std::optional<message> await_resume() {
    if (!message_) finish();
    return std::move(message_);
  }

 private:
  void finish();
};

/// What became of a message: the connection ends, it is queued above write_limit, or it is queued.
enum class send_state : unsigned char { too_late, must_wait, done };

class send_operation {
 public:
  send_operation(connection_impl& impl, payload payload, send_options options, limit limit) noexcept
      : impl_(impl), payload_(payload), limit_(std::move(limit)), options_(options) {}
  send_operation(const send_operation&) = delete;
  send_operation& operator=(const send_operation&) = delete;

  bool await_ready();
  void await_suspend(std::coroutine_handle<> coroutine);
  void await_resume() {
    if (state_ != send_state::done) finish();
  }

 private:
  void finish();

  connection_impl& impl_;
  payload payload_;
  limit limit_;
  send_options options_;
  send_state state_ = send_state::too_late;
  std::optional<connection_wait> waiting_;
};

/// A message that is being sent in fragments. Destroyed between its first and its last it closes
/// the connection with 1011.
class fragmented_message {
 public:
  fragmented_message(std::shared_ptr<connection_impl> impl, send_options options) noexcept
      : impl_(std::move(impl)), options_(options) {}
  fragmented_message(const fragmented_message&) = delete;
  fragmented_message& operator=(const fragmented_message&) = delete;
  ~fragmented_message();

  task<> send(payload fragment, limit limit);
  task<> finish(limit limit);

 private:
  friend class connection_impl;
  message::type checked(const payload& fragment);

  std::shared_ptr<connection_impl> impl_;
  send_options options_;
  std::optional<message::type> type_;  // since the first fragment
  protocol::utf8_validator text_;
};

}  // namespace detail

template <class Range>
task<> connection::send_range(std::shared_ptr<detail::connection_impl> impl, Range& fragments,
                              send_options options, limit limit) {
  detail::fragmented_message message(std::move(impl), options);
  for (auto&& each : fragments) {
    const payload fragment(each);
    co_await message.send(fragment, limit);
  }
  co_await message.finish(limit);
}

template <class Source>
task<> connection::send_source(std::shared_ptr<detail::connection_impl> impl, Source& source,
                               send_options options, limit limit) {
  detail::fragmented_message message(std::move(impl), options);
  while (auto fragment = co_await source()) {
    co_await message.send(*fragment, limit);
  }
  co_await message.finish(limit);
}

inline detail::recv_operation connection::recv(limit limit) { return {*impl_, std::move(limit)}; }
inline detail::next_operation connection::next(limit limit) { return {*impl_, std::move(limit)}; }
inline detail::send_operation connection::send(payload payload, send_options options, limit limit) {
  return {*impl_, payload, options, std::move(limit)};
}

}  // namespace duplex
