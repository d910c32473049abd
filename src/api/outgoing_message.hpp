// An owned message on its way to connections: to one, or to many that frame it once.
#pragma once

#include <cstddef>
#include <duplex/broadcast_options.hpp>
#include <duplex/buffer.hpp>
#include <duplex/message.hpp>
#include <duplex/payload.hpp>
#include <duplex/protocol/connection.hpp>
#include <duplex/protocol/utf8.hpp>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace duplex::detail {

/// The type of the message a payload is, as sent with `text` of the options. Throws
/// std::invalid_argument for a text that is not UTF-8.
inline message::type checked_type(const payload& payload, const std::optional<bool>& text) {
  auto type = payload.type();
  if (text) type = *text ? message::type::text : message::type::binary;
  if (type == message::type::text && !protocol::is_utf8(payload.bytes())) {
    throw std::invalid_argument("a text message must be valid UTF-8");
  }
  return type;
}

/// One message, for the connections of any number of loops: any thread.
class outgoing_message {
 public:
  enum class recipients : unsigned char { one, many };

  /// Copies the payload. `topic` is what latest_only goes by.
  outgoing_message(const payload& payload, const broadcast_options& options, recipients to,
                   std::string_view topic = {});

  message::type type() const noexcept { return type_; }
  std::span<const std::byte> bytes() const noexcept { return payload_.bytes(); }
  const broadcast_options& options() const noexcept { return options_; }
  const std::string& topic() const noexcept { return topic_; }

  /// Queues it in an open connection. Throws what `protocol::connection::send` throws.
  void send_to(protocol::connection& core);

 private:
  protocol::shared_frame frame_for(std::string key, protocol::connection& core);

  const message::type type_;
  const buffer payload_;
  const broadcast_options options_;
  const recipients recipients_;
  const std::string topic_;
  std::mutex mutex_;
  std::vector<std::pair<std::string, protocol::shared_frame>> frames_;  // by sharing_key
};

using shared_message = std::shared_ptr<outgoing_message>;

}  // namespace duplex::detail
