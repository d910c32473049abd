// A blocking WebSocket client: no coroutines, no loop, the same protocol.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <duplex/coro/limit.hpp>
#include <duplex/error.hpp>
#include <duplex/http.hpp>
#include <duplex/io/address.hpp>
#include <duplex/message.hpp>
#include <duplex/options.hpp>
#include <duplex/payload.hpp>
#include <duplex/protocol/types.hpp>
#include <duplex/tls.hpp>

namespace duplex::sync {

class blocking_connection;
class reconnecting;

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
  /// for text that is not UTF-8.
  void send(payload payload, send_options options = {}, limit limit = {});
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
  std::size_t buffered_amount() const;

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
