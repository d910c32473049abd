// Messages that wait outside the core: behind a fragmented one, or for a slow peer.
#include <algorithm>
#include <deque>
#include <utility>
#include <vector>

#include "api/connection_impl.hpp"
#include "api/connection_state.hpp"

namespace duplex::detail {

void connection_impl::broadcast(const shared_message& message) noexcept {
  if (core_.state() != protocol::state::open) return;
  try {
    switch (message->options().slow) {
      case slow_consumer::buffer:
        break;
      case slow_consumer::drop:
        if (is_slow()) return;
        break;
      case slow_consumer::latest_only:
        if (buffered_amount() != 0 || fragmented_) return hold_latest(message);
        break;
      case slow_consumer::disconnect:
        if (!is_slow()) break;
        log(log_level::warning, "broadcast failed: the connection takes its messages too slowly");
        return start_close(1008, "messages are taken too slowly");
    }
    if (fragmented_) return hold_back(message);
    queue(message);
  } catch (const std::exception& problem) {
    log(log_level::warning, std::string("broadcast failed: ") + problem.what());
    settle();  // an extension that fails ends the connection
  }
}

bool connection_impl::is_slow() const noexcept { return buffered_amount() > write_limit_.high(); }

void connection_impl::queue(const shared_message& message) {
  message->send_to(core_);
  flush_soon();
}

void connection_impl::hold_back(shared_message message) {
  if (!held_) held_ = std::make_unique<held_messages>();
  const auto size = message->bytes().size();
  held_->in_order.push_back(std::move(message));
  held_bytes_ += size;
}

void connection_impl::hold_latest(const shared_message& message) {
  if (!held_) held_ = std::make_unique<held_messages>();
  auto& all = held_->latest;
  const auto same = std::find_if(
      all.begin(), all.end(), [&](const auto& each) { return each->topic() == message->topic(); });
  if (same != all.end()) {
    *same = message;
  } else {
    all.push_back(message);
  }
}

topic_table& connection_impl::topics() const {
  if (!topics_) throw invalid_state("the connection has no topics: it is not a server's");
  return *topics_;
}

// The fragmented message is complete.
void connection_impl::send_held_back() {
  if (!held_) return;
  held_bytes_ = 0;
  for (const auto& each : std::exchange(held_->in_order, {})) queue(each);
}

// What is unsent has left, or most of it. False: there was nothing to send.
bool connection_impl::send_held_latest() {
  if (!held_ || held_->latest.empty() || fragmented_) return false;
  if (core_.state() != protocol::state::open) return false;
  for (const auto& each : std::exchange(held_->latest, {})) queue(each);
  return true;
}

}  // namespace duplex::detail
