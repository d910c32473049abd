// A client that connects again and again.
#pragma once

#include <memory>
#include <string_view>

#include <duplex/connection.hpp>
#include <duplex/coro/limit.hpp>
#include <duplex/coro/task.hpp>
#include <duplex/options.hpp>
#include <duplex/reconnect_options.hpp>

namespace duplex {

/// One connection after the other to the same server, as Python's `async for websocket in
/// connect(...)`:
///
///     reconnecting feed{"wss://example.com/feed"};
///     for (;;) {
///       auto ws = co_await feed.next();
///       try { while (auto m = co_await ws.next()) handle(*m); } catch (const connection_closed&)
///       {}
///     }
class reconnecting {
 public:
  /// Connects to nothing yet. Copies what the options refer to, but for extensions, which must live
  /// as long as it. Throws as `connect` does, and std::invalid_argument for waits that make no
  /// sense.
  explicit reconnecting(std::string_view uri, const connect_options& options = {},
                        reconnect_options again = {});
  reconnecting(reconnecting&&) noexcept;
  reconnecting& operator=(reconnecting&&) noexcept;
  ~reconnecting();

  /// A new connection. After a failed attempt it waits and tries again, each time longer. Called
  /// again so soon that the connection before has lasted for less than `min_delay`, or than the
  /// wait before it, it takes that for a failed attempt; one that lasted makes the next wait a
  /// short one. Throws what `process_exception` says no other attempt can help, duplex::timeout
  /// past the limit's deadline, and std::system_error (operation_canceled) once it is stopped. Each
  /// attempt is logged, and bounded by open_timeout. One call at a time; the object must outlive
  /// it.
  task<client_connection> next(limit limit = {});

 private:
  struct state;
  std::unique_ptr<state> state_;
};

}  // namespace duplex
