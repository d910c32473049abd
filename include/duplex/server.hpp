// A WebSocket server: a handler is called for each connection.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <duplex/connection.hpp>
#include <duplex/coro/task.hpp>
#include <duplex/io/address.hpp>
#include <duplex/options.hpp>

namespace duplex {

namespace detail {
class server_impl;
}

/// A listening server, on the loop of the thread that called `serve`. Move-only. Destroying one
/// drops the connections it still has and destroys their handlers where they stand, and so does the
/// end of the loop; a handler must not destroy its own server.
class server {
 public:
  server(server&&) noexcept;
  server& operator=(server&&) noexcept;
  ~server();

  /// Starts closing: stops accepting, answers 503 to handshakes in progress and, where
  /// `close_connections`, starts closing every connection with the code and reason. Idempotent.
  /// std::invalid_argument as for connection::close.
  void close(bool close_connections = true, std::uint16_t code = 1001,
             std::string_view reason = {});
  /// Waits until the server is closed and every handler has returned.
  task<> wait_closed(limit limit = {});
  /// Waits until someone closes the server.
  task<> serve_forever();

  /// The connections whose handlers run.
  std::vector<connection*> connections() const;
  /// The addresses listened on.
  std::vector<address> sockets() const;
  /// The port of the first of them.
  std::uint16_t port() const;
  bool is_serving() const;
  const serve_options& options() const;

 private:
  friend class detail::server_impl;
  explicit server(std::shared_ptr<detail::server_impl> impl) noexcept;
  std::shared_ptr<detail::server_impl> impl_;
};

/// Called once for each connection, after its handshake. When it returns, the connection is closed
/// with 1000; when it throws, the exception is logged and the connection closed with 1011, unless
/// it is the end of this very connection. The connection lives as long as the handler runs; moved
/// away, it lives on, and of its server nothing but `close` reaches it.
using connection_handler = std::function<task<>(connection&)>;

/// Listens on host and port, and serves as soon as the loop runs.
///
/// An empty host means all interfaces, IPv4 and IPv6; port 0 any free one (see `server::port`).
/// Looking up the host blocks. Throws std::system_error where the address cannot be had,
/// std::invalid_argument for options that make no sense, each naming the culprit.
server serve(connection_handler handler, std::string_view host = {}, int port = 0,
             serve_options options = {});

}  // namespace duplex
