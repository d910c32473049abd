// Text on its way from threads that have some to the one that prints.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <string>

#include "connect/wakeup.hpp"

namespace duplex::cli {

/// Holds about a megabyte. Thread-safe.
class mailbox {
 public:
  /// Waits while it is full, so that a terminal slower than the server slows the server down.
  void put(const std::string& text);
  /// What finds it full is dropped.
  void put_if_room(const std::string& text);
  /// All that is in it.
  std::string take();
  /// From now on nobody waits: closing must not depend on someone who reads.
  void stop_waiting();
  /// Notified when something was put.
  const wakeup& filled() const noexcept { return filled_; }

 private:
  bool has_room() const { return text_.size() < size_max; }

  static constexpr std::size_t size_max = std::size_t{1} << 20;
  wakeup filled_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::string text_;
  bool waits_ = true;
};

}  // namespace duplex::cli
