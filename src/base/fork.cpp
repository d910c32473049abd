// Counting forks in their children.
#include "base/fork.hpp"

#include <pthread.h>

#include <atomic>

namespace duplex {
namespace {

std::atomic<unsigned> count{0};

}  // namespace

unsigned fork_count() noexcept {
  // Fails for want of memory only: then a fork is not noticed.
  static const int registered = pthread_atfork(nullptr, nullptr, [] { ++count; });
  static_cast<void>(registered);
  return count.load(std::memory_order_relaxed);
}

}  // namespace duplex
