// A WebSocket server: a handler is called for each connection.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <duplex/broadcast.hpp>
#include <duplex/connection.hpp>
#include <duplex/coro/task.hpp>
#include <duplex/io/address.hpp>
#include <duplex/options.hpp>

namespace duplex {

namespace detail {
class server_impl;
}

/// A listening server, on the loop of the thread that called `serve`, and on as many more threads
/// as its options say: a connection stays on the loop it was given to, and its handler runs there.
///
/// Move-only. Destroying one drops the connections it still has, destroys their handlers where they
/// stand, each on its thread, and ends the threads, and so does the end of the loop; a handler must
/// not destroy its own server. Belongs to that loop's thread; what any thread may call says so.
class server {
 public:
  server(server&&) noexcept;
  server& operator=(server&&) noexcept;
  ~server();

  /// Starts closing: stops accepting, answers 503 to handshakes in progress and, where
  /// `close_connections`, starts closing every connection with the code and reason. Idempotent.
  /// std::invalid_argument as for connection::close. Any thread.
  void close(bool close_connections = true, std::uint16_t code = 1001,
             std::string_view reason = {});
  /// Waits until the server is closed and every handler has returned.
  task<> wait_closed(limit limit = {});
  /// Starts accepting, where `serve_options::start_serving` left that for later: until then who
  /// connects waits in the system's queue. Idempotent; invalid_state once the server is closed.
  void start_serving();
  /// Starts serving, and waits until someone closes the server.
  task<> serve_forever();

  /// The connections whose handlers run on the calling thread's loop: those that the caller may
  /// use. Any thread.
  std::vector<connection*> connections() const;
  /// Connections on all loops, from accepting to their end. Any thread.
  std::size_t connection_count() const;
  /// Sends to connections on all loops, as `publisher` does. Any thread.
  void publish(std::string_view topic, payload payload, broadcast_options options = {}) const;
  void broadcast(payload payload, broadcast_options options = {}) const;
  /// The same for those who outlive the server, or its being moved. Any thread.
  duplex::publisher publisher() const;
  /// The addresses listened on.
  std::vector<address> sockets() const;
  /// The port of the first of them that has one; 0: none has.
  std::uint16_t port() const;
  /// Whether it accepts connections: from `start_serving` to `close`. Any thread.
  bool is_serving() const;
  const serve_options& options() const;

 private:
  friend class detail::server_impl;
  explicit server(std::shared_ptr<detail::server_impl> impl) noexcept;
  std::shared_ptr<detail::server_impl> impl_;
};

/// Called once for each connection, after its handshake. When it returns, the connection is closed
/// with 1000; when it throws, the exception is logged and the connection closed with 1011, unless
/// it is the end of this very connection. With several threads it is called on all of them at once;
/// what it shares needs a lock, or a loop to be posted to. The connection lives as long as the
/// handler runs; moved away, it lives on, and of its server nothing but `close` reaches it.
using connection_handler = std::function<task<>(connection&)>;

/// Where a server listens: one host or several, each a name, a numeric address, "unix:" and the
/// path of a unix socket, or empty for all interfaces, IPv4 and IPv6. Without any: all interfaces.
class host_list {
 public:
  host_list() : hosts_(1) {}
  host_list(const char* host) : hosts_{host} {}                    // NOLINT: implicit
  host_list(std::string_view host) : hosts_{std::string(host)} {}  // NOLINT
  host_list(std::string host) : hosts_{std::move(host)} {}         // NOLINT
  host_list(std::vector<std::string> hosts) noexcept : hosts_(std::move(hosts)) {}  // NOLINT
  host_list(std::initializer_list<std::string_view> hosts) : hosts_(hosts.begin(), hosts.end()) {}

  auto begin() const noexcept { return hosts_.begin(); }
  auto end() const noexcept { return hosts_.end(); }

 private:
  std::vector<std::string> hosts_;
};

/// Listens on every address of the hosts, with one port, and serves as soon as the loop runs.
///
/// Port 0 means any free one (see `server::port`). Looking up a host blocks. Throws
/// std::system_error where an address cannot be had, std::invalid_argument for options that make no
/// sense, each naming the culprit.
server serve(connection_handler handler, host_list hosts = {}, int port = 0,
             serve_options options = {});

/// Listens on a unix socket: a path, or an abstract name (unix(7)) that begins with "@" or NUL.
///
/// The socket file that a dead server left is replaced; a living one's is an error. The file is
/// removed when the server stops accepting.
server unix_serve(connection_handler handler, std::string_view path, serve_options options = {});

}  // namespace duplex
