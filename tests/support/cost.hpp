// What work costs the processor, to see that it does not grow faster than what there is to do.
#pragma once

#include <gtest/gtest.h>
#include <time.h>

#include <algorithm>
#include <functional>
#include <limits>
#include <string>

namespace duplex::test {

/// Seconds of this thread's processor, whatever else the machine does.
inline double processor_time() {
  timespec now = {};
  EXPECT_EQ(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now), 0);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

/// The best of three runs.
inline double cost_of(const std::function<void()>& work) {
  double best = std::numeric_limits<double>::max();
  for (int i = 0; i < 3; ++i) {
    const double begin = processor_time();
    work();
    best = std::min(best, processor_time() - begin);
  }
  return best;
}

/// `read` is linear: 32 times the bytes at once cost it as much as the bytes 32 times. Where each
/// byte looked at all before it, they would cost 32 times as much.
inline void expect_linear(const std::function<std::string(int)>& make,
                          const std::function<void(const std::string&)>& read) {
  constexpr int large = 32;
  const std::string few = make(1), many = make(large);
  const double few_cost = cost_of([&] {
    for (int i = 0; i < large; ++i) read(few);
  });
  EXPECT_LT(cost_of([&] { read(many); }) / few_cost, 8.0)
      << few.size() << " and " << many.size() << " bytes";
}

}  // namespace duplex::test
