// A string with room for so much, and whoever waits for some.
#include "connect/mailbox.hpp"

#include <utility>

namespace duplex::cli {

void mailbox::put(const std::string& text) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return has_room() || !waits_; });
  if (has_room()) text_ += text;
  filled_.notify();
}

void mailbox::put_if_room(const std::string& text) {
  const std::lock_guard lock(mutex_);
  if (has_room()) text_ += text;
  filled_.notify();
}

std::string mailbox::take() {
  const std::lock_guard lock(mutex_);
  changed_.notify_one();
  return std::exchange(text_, {});
}

void mailbox::stop_waiting() {
  const std::lock_guard lock(mutex_);
  waits_ = false;
  changed_.notify_one();
}

}  // namespace duplex::cli
