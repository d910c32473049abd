// One WebSocket message: text or binary, received or to be sent.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include <duplex/buffer.hpp>

namespace duplex {

/// A message and its payload (RFC 6455 section 5.6). Move-only: payloads are never copied silently.
///
/// The text of a received message is valid UTF-8. Views of the payload live as long as the message.
class message {
 public:
  enum class type : unsigned char { text, binary };

  message() noexcept = default;
  message(type kind, buffer payload) noexcept : payload_(std::move(payload)), type_(kind) {}
  explicit message(std::string_view text) : payload_(as_bytes(text)), type_(type::text) {}
  explicit message(std::span<const std::byte> bytes) : payload_(bytes), type_(type::binary) {}

  bool is_text() const noexcept { return type_ == type::text; }
  bool is_binary() const noexcept { return type_ == type::binary; }
  /// The payload as characters, of a text or a binary message.
  std::string_view text() const noexcept { return as_text(payload_.bytes()); }
  /// The payload as bytes, of a text or a binary message.
  std::span<const std::byte> bytes() const noexcept { return payload_.bytes(); }
  std::size_t size() const noexcept { return payload_.size(); }
  /// A copy.
  message clone() const { return {type_, buffer(payload_.bytes())}; }
  /// Gives the payload away and leaves an empty message.
  buffer take() && noexcept { return std::move(payload_); }

 private:
  buffer payload_;
  type type_ = type::text;
};

}  // namespace duplex
