// Taking, skipping and joining fragments.
#include "protocol/fragment_queue.hpp"

#include <utility>

namespace duplex::detail {

void fragment_queue::add(message fragment, bool last, bool closing) {
  if (cut_) return;
  if (skipping_) {
    skipping_ = !last;
    return;
  }
  if (full() && closing) {
    cut_ = true;
    return;
  }
  bytes_ += fragment.size() + sizeof(part);
  messages_ += last;
  parts_.push_back({std::move(fragment), last});
}

message::type fragment_queue::begin() noexcept {
  taken_ = true;
  return parts_.front().payload.is_text() ? message::type::text : message::type::binary;
}

std::optional<message> fragment_queue::take() {
  auto [payload, last] = pop();
  taken_ = !last;
  if (last && payload.size() == 0) return std::nullopt;
  return std::move(payload);
}

void fragment_queue::skip() noexcept {
  if (!std::exchange(taken_, false)) return;
  skipping_ = true;
  while (skipping_ && !parts_.empty()) skipping_ = !pop().last;
}

buffer fragment_queue::move_to(inbox& whole) {
  buffer begun;
  while (!parts_.empty()) {
    auto [payload, last] = pop();
    const auto type = payload.is_text() ? message::type::text : message::type::binary;
    if (begun.empty()) {
      begun = std::move(payload).take();
    } else {
      begun.append(payload.bytes());
    }
    if (last) whole.push({type, std::exchange(begun, {})});
  }
  return begun;
}

fragment_queue::part fragment_queue::pop() noexcept {
  part front = std::move(parts_.front());
  parts_.pop_front();
  bytes_ -= front.payload.size() + sizeof(part);
  messages_ -= front.last;
  return front;
}

}  // namespace duplex::detail
