// Framing a broadcast once for each agreement.
#include "api/outgoing_message.hpp"

#include <algorithm>

namespace duplex::detail {

outgoing_message::outgoing_message(const payload& payload, const broadcast_options& options,
                                   recipients to, std::string_view topic)
    : type_(checked_type(payload, options.text)),
      payload_(payload.bytes()),
      options_(options),
      recipients_(to),
      topic_(topic) {}

void outgoing_message::send_to(protocol::connection& core) {
  // What is for one alone may refer to what that one was sent before.
  auto key = recipients_ == recipients::many ? core.sharing_key() : std::nullopt;
  if (key) {
    core.send_shared(frame_for(std::move(*key), core));
  } else {
    core.send(type_, bytes(), false, options_.compress);
  }
}

protocol::shared_frame outgoing_message::frame_for(std::string key, protocol::connection& core) {
  const std::lock_guard lock(mutex_);
  const auto known =
      std::find_if(frames_.begin(), frames_.end(), [&](auto& each) { return each.first == key; });
  if (known != frames_.end()) return known->second;
  auto frame = core.frame_once(type_, bytes(), options_.compress);
  frames_.emplace_back(std::move(key), frame);
  return frame;
}

}  // namespace duplex::detail
