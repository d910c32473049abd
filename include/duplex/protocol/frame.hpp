// The header of a frame, parsed and written (RFC 6455 section 5.2).
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <duplex/protocol/mask.hpp>
#include <duplex/protocol/types.hpp>

namespace duplex::protocol {

/// What stands before a payload.
///
///      0                   1                   2                   3
///      0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
///     +-+-+-+-+-------+-+-------------+-------------------------------+
///     |F|R|R|R| opcode|M| Payload len |    Extended payload length    |
///     |I|S|S|S|  (4)  |A|     (7)     |             (16/64)           |
///     |N|V|V|V|       |S|             |   (if payload len==126/127)   |
///     | |1|2|3|       |K|             |                               |
///     +-+-+-+-+-------+-+-------------+-------------------------------+
///     |                  Masking-key (if the mask bit is set)         |
///     +---------------------------------------------------------------+
struct frame_header {
  protocol::opcode opcode = opcode::text;
  bool fin = true;
  unsigned char reserved_bits = 0;  ///< as in the first byte: 0x40, 0x20, 0x10
  std::uint64_t length = 0;         ///< of the payload, less than 2^63
  std::optional<mask_key> mask = {};

  bool operator==(const frame_header&) const = default;
};

inline constexpr std::size_t frame_header_size_max = 14;
inline constexpr std::size_t control_payload_max = 125;

/// Whether frames of this opcode may come between the fragments of a message (section 5.5).
constexpr bool is_control(opcode code) { return (static_cast<unsigned>(code) & 0x8) != 0; }

/// "text", "ping" and so on.
std::string_view to_string(opcode) noexcept;

/// What the bytes at the start of a frame are.
struct frame_header_result {
  frame_header header = {};
  std::size_t size = 0;      ///< of the header in bytes; 0 where it is incomplete or wrong
  std::string problem = {};  ///< set where it is wrong
};

/// Parses the header of a frame sent by `from`. Refuses reserved bits other than those of
/// `extension_bits` on the first frame of a message, reserved opcodes, a mask bit wrong for the
/// side, control frames that are fragmented or longer than 125 bytes, and lengths that are not
/// written in the fewest bytes or have their highest bit set.
frame_header_result parse_frame_header(std::span<const std::byte> bytes, side from,
                                       unsigned char extension_bits = 0);

/// The bytes `write_frame_header` writes.
inline std::size_t frame_header_size(const frame_header& header) noexcept {
  return 2 + (header.length > 65535 ? 8 : header.length > 125 ? 2 : 0) + (header.mask ? 4 : 0);
}

/// Writes a header, at most `frame_header_size_max` bytes, and gives the place behind it.
inline std::byte* write_frame_header(std::byte* to, const frame_header& header) noexcept {
  const unsigned mask_bit = header.mask ? 0x80 : 0;
  *to++ = static_cast<std::byte>((header.fin ? 0x80U : 0U) | header.reserved_bits |
                                 static_cast<unsigned>(header.opcode));
  if (header.length <= 125) {
    *to++ = static_cast<std::byte>(mask_bit | header.length);
  } else {
    const bool in_two_bytes = header.length <= 65535;
    *to++ = static_cast<std::byte>(mask_bit | (in_two_bytes ? 126 : 127));
    for (int shift = in_two_bytes ? 8 : 56; shift >= 0; shift -= 8) {
      *to++ = static_cast<std::byte>(header.length >> shift);
    }
  }
  return header.mask ? std::copy(header.mask->begin(), header.mask->end(), to) : to;
}

}  // namespace duplex::protocol
