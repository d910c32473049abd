// Frame headers: bytes to value and value to bytes.
#include <duplex/protocol/frame.hpp>

#include <algorithm>
#include <cassert>
#include <cstring>

namespace duplex::protocol {
namespace {

frame_header_result wrong(std::string problem) { return {.problem = std::move(problem)}; }

std::uint64_t parse_big_endian(std::span<const std::byte> bytes) {
  std::uint64_t value = 0;
  for (const std::byte byte : bytes) value = value << 8 | std::to_integer<std::uint64_t>(byte);
  return value;
}

std::byte* write_big_endian(std::byte* to, std::uint64_t value, int count) {
  for (int shift = 8 * (count - 1); shift >= 0; shift -= 8) {
    *to++ = static_cast<std::byte>(value >> shift);
  }
  return to;
}

bool is_known(unsigned code) { return code <= 0x2 || (code >= 0x8 && code <= 0xA); }

std::string hexadecimal(unsigned digit) {
  return std::string("0x") + "0123456789ABCDEF"[digit & 0xF];
}

}  // namespace

frame_header_result parse_frame_header(std::span<const std::byte> bytes, side from) {
  if (bytes.size() < 2) return {};
  const auto first = std::to_integer<unsigned>(bytes[0]);
  const auto second = std::to_integer<unsigned>(bytes[1]);
  if ((first & 0x70) != 0) return wrong("reserved bits must be 0");
  const unsigned code = first & 0x0F;
  if (!is_known(code)) return wrong("unknown opcode " + hexadecimal(code));

  frame_header_result result;
  frame_header& header = result.header;
  header.opcode = static_cast<opcode>(code);
  header.fin = (first & 0x80) != 0;
  header.length = second & 0x7F;
  const bool masked = (second & 0x80) != 0;
  // Section 5.1: "a client MUST mask all frames that it sends to the server", "A server MUST NOT
  // mask any frames that it sends to the client."
  if (masked != (from == side::client)) {
    return wrong(masked ? "frame from a server is masked" : "frame from a client is not masked");
  }
  if (is_control(header.opcode)) {
    if (!header.fin) return wrong("control frame is fragmented");
    if (header.length > control_payload_max) return wrong("control frame is longer than 125 bytes");
  }

  const std::size_t extended = header.length == 127 ? 8 : header.length == 126 ? 2 : 0;
  const std::size_t size = 2 + extended + (masked ? 4 : 0);
  if (bytes.size() < size) return {};
  if (extended != 0) {
    header.length = parse_big_endian(bytes.subspan(2, extended));
    if (header.length >> 63 != 0) return wrong("the highest bit of a frame's length is set");
    if (header.length < (extended == 2 ? 126U : 65536U)) {
      return wrong("length " + std::to_string(header.length) + " is written in " +
                   std::to_string(extended) + " bytes");
    }
  }
  if (masked) std::memcpy(header.mask.emplace().data(), bytes.data() + 2 + extended, 4);
  result.size = size;
  return result;
}

std::byte* write_long_frame_header(std::byte* to, const frame_header& header) noexcept {
  assert(header.length >> 63 == 0);
  *to++ = static_cast<std::byte>((header.fin ? 0x80U : 0U) | static_cast<unsigned>(header.opcode));
  const unsigned mask_bit = header.mask ? 0x80 : 0;
  const bool short_length = header.length <= 65535;
  *to++ = static_cast<std::byte>(mask_bit | (short_length ? 126 : 127));
  to = write_big_endian(to, header.length, short_length ? 2 : 8);
  return header.mask ? std::copy(header.mask->begin(), header.mask->end(), to) : to;
}

}  // namespace duplex::protocol
