// The ring of messages and its marks.
#include <duplex/inbox.hpp>

#include <utility>

namespace duplex {

void inbox::push(message message) {
  if (count_ == ring_.size()) grow();
  const auto size = cost(message);
  if (count_ >= marks_.high()) beyond_ += size;
  bytes_ += size;
  ring_[(first_ + count_) & (ring_.size() - 1)] = std::move(message);
  ++count_;
  if (bytes_ >= bytes_max_ || (count_ >= marks_.high() && beyond_ >= look_ahead_)) paused_ = true;
}

message inbox::pop() {
  auto result = std::move(ring_[first_]);
  first_ = (first_ + 1) & (ring_.size() - 1);
  --count_;
  bytes_ -= cost(result);
  if (count_ < marks_.high()) beyond_ = 0;
  if (paused_ && count_ <= marks_.low() && bytes_ <= bytes_max_ / 2) paused_ = false;
  // A queue that was long once should not keep its memory for ever.
  if (count_ == 0 && ring_.size() > 64) ring_ = std::vector<message>();
  return result;
}

void inbox::grow() {
  std::vector<message> larger(ring_.empty() ? 4 : ring_.size() * 2);
  for (std::size_t i = 0; i < count_; ++i) {
    larger[i] = std::move(ring_[(first_ + i) & (ring_.size() - 1)]);
  }
  ring_ = std::move(larger);
  first_ = 0;
}

}  // namespace duplex
