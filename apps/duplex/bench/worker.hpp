// One thread's share of the load.
#pragma once

#include <atomic>
#include <barrier>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <duplex/coro/executor.hpp>
#include <duplex/coro/task.hpp>
#include <duplex/message.hpp>
#include <memory>
#include <string_view>
#include <vector>

#include "bench/load.hpp"

namespace duplex::cli::bench {

using clock = std::chrono::steady_clock;

class load_connection;

/// Opens its connections, loads the server through them, and closes them.
class worker {
 public:
  /// Number `index` of the plan's threads. The plan must outlive it.
  worker(const load_plan& plan, std::size_t index);
  ~worker();
  worker(const worker&) = delete;
  worker& operator=(const worker&) = delete;

  /// The thread's body: arrives at the barrier once, when its connections are open or refused, and
  /// begins the load with the others.
  void run(std::barrier<>& all_open);
  /// Any thread.
  std::uint64_t replies() const noexcept { return replies_; }
  /// Whether the load is over, its time or its last connection. Any thread.
  bool over() const noexcept { return over_; }
  /// After `run`.
  const load_result& result() const noexcept { return result_; }

 private:
  friend class load_connection;

  task<> open_connections();
  task<> open_next(std::size_t& opened);
  task<> load();
  task<> expect_echo();
  void echoed() noexcept;
  void ended() noexcept;
  void note(std::string_view problem);
  clock::time_point due(std::uint64_t message) const;
  void release_due();
  bool gives_up() const { return clock::now() >= give_up_at_; }

  const load_plan& plan_;
  message message_;                            // what is sent, always
  std::size_t count_;                          // of connections
  std::chrono::duration<double> interval_{0};  // between messages of this thread, with a rate
  std::vector<std::unique_ptr<load_connection>> connections_;
  clock::time_point start_ = {};
  clock::time_point give_up_at_ = {};  // what is not answered by then is missing
  std::uint64_t released_ = 0;         // messages whose time has come, with a rate
  std::size_t alive_ = 0;              // connections that have not ended
  bool echoed_ = false;                // a message came back, as it was sent
  coro::wait_queue echo_came_, all_ended_;
  bool stopping_ = false;
  std::atomic<bool> over_ = false;
  std::atomic<std::uint64_t> replies_ = 0;
  load_result result_;
};

}  // namespace duplex::cli::bench
