// Validation of UTF-8 that comes in pieces (RFC 3629; RFC 6455 section 8.1).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace duplex::protocol {

/// Validates one text, however it is cut; it tells at the first byte that no valid text could have
/// in its place.
class utf8_validator {
 public:
  /// Takes the next bytes of the text; false where one of them is bad. Then nothing else may be
  /// fed.
  bool receive(std::span<const std::byte> bytes) noexcept;
  /// Whether the text may end here.
  bool complete() const noexcept { return missing_ == 0; }
  /// The bytes that were good: the offset of the bad byte, after one.
  std::uint64_t position() const noexcept { return position_; }

 private:
  bool step(std::byte) noexcept;

  std::uint64_t position_ = 0;
  // What the next byte must be, inside a character.
  unsigned char missing_ = 0;  // bytes to the end of the character
  unsigned char lowest_ = 0x80;
  unsigned char highest_ = 0xBF;
};

/// Whether the bytes are a whole text.
bool is_utf8(std::span<const std::byte> bytes) noexcept;

}  // namespace duplex::protocol
