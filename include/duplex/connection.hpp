// An open WebSocket connection, of a server or a client, as coroutines use it.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>

#include <duplex/coro/executor.hpp>
#include <duplex/coro/limit.hpp>
#include <duplex/coro/task.hpp>
#include <duplex/error.hpp>
#include <duplex/handshake.hpp>
#include <duplex/http.hpp>
#include <duplex/io/address.hpp>
#include <duplex/message.hpp>
#include <duplex/options.hpp>
#include <duplex/payload.hpp>
#include <duplex/protocol/types.hpp>
#include <duplex/tls.hpp>

namespace duplex {

namespace detail {
class connection_impl;
class recv_operation;
class next_operation;
class send_operation;
}  // namespace detail

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

 private:
  friend class detail::connection_impl;
  explicit connection(std::shared_ptr<detail::connection_impl> impl) noexcept;
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

}  // namespace detail

inline detail::recv_operation connection::recv(limit limit) { return {*impl_, std::move(limit)}; }
inline detail::next_operation connection::next(limit limit) { return {*impl_, std::move(limit)}; }
inline detail::send_operation connection::send(payload payload, send_options options, limit limit) {
  return {*impl_, payload, options, std::move(limit)};
}

}  // namespace duplex
