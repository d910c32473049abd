// What a server has on one loop: connections from their opening to the end of their handlers.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <duplex/broadcast.hpp>
#include <duplex/coro/scope.hpp>
#include <duplex/io/loop.hpp>
#include <duplex/io/stream.hpp>
#include <duplex/server.hpp>
#include <exception>
#include <memory>
#include <string_view>
#include <thread>
#include <unordered_set>
#include <vector>

#include "api/opening.hpp"
#include "api/outgoing_message.hpp"
#include "api/topics.hpp"

namespace duplex::detail {

/// How many connections a loop has, from accepting them to their end. Any thread.
using server_load = std::atomic<std::size_t>;

/// What the loops of a server have in common; none changes it.
struct server_settings {
  connection_handler handler;
  opening_settings opening;
};

/// Belongs to the thread that made it, but for what says so. Destroying it drops its connections.
class server_loop {
 public:
  server_loop(std::shared_ptr<const server_settings> settings, const publisher& publisher,
              std::shared_ptr<server_load> load);
  ~server_loop() { drop(); }

  /// Serves a connection, or loses one that failed on its way here; its load was counted before.
  /// `slot` is kept as long as the connection.
  void serve(std::unique_ptr<io::stream> stream, std::shared_ptr<void> slot) noexcept;
  /// Runs a task that `join` waits for and `drop` destroys.
  void spawn(task<> work) { streams_.spawn(std::move(work)); }
  void lose(std::exception_ptr failure) noexcept;

  void close(std::uint16_t code, std::string_view reason) noexcept;
  /// Ends everything where it stands.
  void drop() noexcept;
  /// Waits until no connection is left.
  task<> join(limit limit) { return streams_.join(std::move(limit)); }

  std::vector<connection*> connections() const;
  void publish(const shared_message& message, const connection_impl* except) const noexcept;
  void broadcast(const shared_message& message) const noexcept;

 private:
  struct session;
  struct counted;

  task<> serve_stream(std::unique_ptr<io::stream> stream, std::shared_ptr<void> slot);
  const logger& log_sink() const noexcept { return settings_->opening.options->logger; }

  std::shared_ptr<const server_settings> settings_;
  std::shared_ptr<topic_table> topics_;
  std::unordered_set<session*> sessions_;
  std::shared_ptr<server_load> load_;
  scope streams_;  // last: its tasks use all of the above
};

/// Where a server's loops are, for other threads; outlives them.
struct server_parts {
  struct part {
    std::thread::id thread;
    io::loop_handle handle;
    std::weak_ptr<server_loop> loop;  // locked on its own thread alone
    std::shared_ptr<server_load> load;
  };

  /// Calls the function on each loop's thread with the server_loop that is there, if it still is:
  /// at once where that is this thread. It must not throw.
  template <class Function>
  void for_each(const Function& function) const {
    for (const part& each : all) {
      auto call = [loop = each.loop, function] {
        if (const auto alive = loop.lock()) function(*alive);
      };
      if (each.thread == std::this_thread::get_id()) {
        call();
      } else {
        each.handle.post(std::move(call));
      }
    }
  }

  /// Connections of all loops.
  std::size_t load() const noexcept {
    std::size_t sum = 0;
    for (const part& each : all) sum += each.load->load(std::memory_order_relaxed);
    return sum;
  }

  std::vector<part> all;  // complete before the first connection is accepted
};

/// Tells a sink about an exception of a handler.
void log_failure(const logger& sink, std::exception_ptr exception,
                 std::string_view connection_id = {}) noexcept;

}  // namespace duplex::detail
