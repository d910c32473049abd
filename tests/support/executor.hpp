// An executor whose time is made up: coroutines tested without a loop and without waiting.
#pragma once

#include <algorithm>
#include <atomic>

#include <duplex/coro/executor.hpp>

namespace duplex::test {

class manual_executor final : public coro::executor {
 public:
  manual_executor() { set_current(this); }
  ~manual_executor() override {
    end_residents();
    set_current(nullptr);
  }

  coro::time_point now() const override { return now_; }

  /// Wakes what was stopped, then resumes what is ready.
  void run() {
    poked_ = false;
    run_stopped();
    run_ready();
  }
  /// Lets time pass, from one timer to the next.
  void advance(coro::clock::duration time) {
    const auto end = now_ + time;
    while (next_timer() && *next_timer() <= end) {
      now_ = std::max(now_, *next_timer());
      run_timers(now_);
      run();
    }
    now_ = end;
  }
  /// Blocks until another thread has poked.
  void wait_for_poke() const { poked_.wait(false); }
  bool poked() const noexcept { return poked_; }
  /// How often the earliest timer has changed.
  int timer_changes() const noexcept { return timer_changes_; }

 private:
  void timers_changed() noexcept override { ++timer_changes_; }
  void poke() noexcept override {
    poked_ = true;
    poked_.notify_all();
  }

  coro::time_point now_ = coro::clock::now();
  std::atomic<bool> poked_ = false;
  int timer_changes_ = 0;
};

}  // namespace duplex::test
