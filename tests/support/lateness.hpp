// How much of a delay is the machine's own.
#pragma once

#include <algorithm>
#include <chrono>
#include <stop_token>
#include <thread>

namespace duplex::test {

/// How late this machine lets a thread run that does nothing but sleep, from when this was made.
class lateness {
  using clock = std::chrono::steady_clock;

 public:
  /// The worst so far; ends the measurement.
  clock::duration worst() {
    thread_.request_stop();
    thread_.join();
    return worst_;
  }

 private:
  clock::duration worst_{};
  std::jthread thread_{[this](const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      const auto due = clock::now() + std::chrono::milliseconds(1);
      std::this_thread::sleep_until(due);
      worst_ = std::max(worst_, clock::now() - due);
    }
  }};
};

}  // namespace duplex::test
