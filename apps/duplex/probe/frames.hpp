// Frames of a client as bytes, right ones and ones that no client may send.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace duplex::probe {

inline constexpr unsigned continuation_code = 0x0, text_code = 0x1, binary_code = 0x2,
                          close_code = 0x8, ping_code = 0x9, pong_code = 0xA;
inline constexpr unsigned rsv1 = 0x40, rsv2 = 0x20, rsv3 = 0x10;

/// A frame and what may be wrong with it.
struct frame {
  unsigned code = text_code;  ///< the opcode, 0 to 15
  std::string payload = {};
  bool fin = true;
  unsigned reserved = 0;  ///< any of rsv1, rsv2, rsv3
  bool masked = true;
  std::optional<std::uint64_t> length = {};  ///< what the header says instead of the payload's
  int length_bytes = 0;                      ///< 2 or 8: how long a length is written in any case
  std::uint32_t key = 0x37FA213D;            ///< of the mask
};

std::string write(const frame& frame);

// Right frames, masked.
std::string text(std::string_view payload, bool fin = true);
std::string binary(std::string_view payload, bool fin = true);
std::string continuation(std::string_view payload, bool fin = true);
std::string ping(std::string_view payload = {});
std::string pong(std::string_view payload = {});
std::string close(std::uint16_t code, std::string_view reason = {});
/// The payload of a close frame; 1005 stands for an empty one.
std::string close_payload(std::uint16_t code, std::string_view reason = {});

/// A message in fragments of `size` bytes; an empty message is one frame.
std::string fragmented(unsigned code, std::string_view message, std::size_t size);

/// `count` bytes of text with no pattern in their middle.
std::string filler(std::size_t count);

}  // namespace duplex::probe
