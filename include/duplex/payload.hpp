// What can be sent: a view of text or bytes.
#pragma once

#include <concepts>
#include <cstddef>
#include <ranges>
#include <span>
#include <string>
#include <string_view>

#include <duplex/message.hpp>

namespace duplex {

/// Strings are text, spans and containers of std::byte are binary, a message is what it is. A view:
/// it lives as long as the awaited call.
class payload {
 public:
  payload(const char* text) : payload(std::string_view(text)) {}                  // NOLINT
  payload(std::string_view text) noexcept : bytes_(as_bytes(text)) {}             // NOLINT
  payload(const std::string& text) noexcept : payload(std::string_view(text)) {}  // NOLINT
  payload(const message& message) noexcept                                        // NOLINT
      : bytes_(message.bytes()),
        type_(message.is_text() ? message::type::text : message::type::binary) {}
  template <std::ranges::contiguous_range Range>
  requires std::same_as<std::ranges::range_value_t<Range>, std::byte> payload(const Range& bytes)
  noexcept  // NOLINT
      : bytes_(std::ranges::data(bytes), std::ranges::size(bytes)), type_(message::type::binary) {}

  std::span<const std::byte> bytes() const noexcept { return bytes_; }
  message::type type() const noexcept { return type_; }

 private:
  std::span<const std::byte> bytes_;
  message::type type_ = message::type::text;
};

/// What can be sent in fragments: a range of what can be sent.
template <class Range>
concept fragment_range = std::ranges::input_range<Range> && !std::convertible_to<Range, payload> &&
                         std::convertible_to<std::ranges::range_reference_t<Range>, payload>;

}  // namespace duplex
