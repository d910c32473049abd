// Frame headers: bytes to value and value to bytes.
#include <duplex/protocol/frame.hpp>

#include <algorithm>
#include <cstring>

namespace duplex::protocol {
namespace {

frame_header_result wrong(std::string problem) { return {.problem = std::move(problem)}; }

std::uint64_t parse_big_endian(std::span<const std::byte> bytes) {
  std::uint64_t value = 0;
  for (const std::byte byte : bytes) value = value << 8 | std::to_integer<std::uint64_t>(byte);
  return value;
}

bool is_known(unsigned code) { return code <= 0x2 || (code >= 0x8 && code <= 0xA); }

std::string hexadecimal(unsigned digit) {
  return std::string("0x") + "0123456789ABCDEF"[digit & 0xF];
}

// What a problem calls a frame.
std::string frame_name(unsigned code) {
  return std::string(to_string(static_cast<opcode>(code))) + " frame";
}

std::string first_bit_name(unsigned reserved) {
  return (reserved & 0x40) != 0 ? "RSV1" : (reserved & 0x20) != 0 ? "RSV2" : "RSV3";
}

}  // namespace

std::string_view to_string(opcode code) noexcept {
  switch (code) {
    case opcode::continuation:
      return "continuation";
    case opcode::text:
      return "text";
    case opcode::binary:
      return "binary";
    case opcode::close:
      return "close";
    case opcode::ping:
      return "ping";
    case opcode::pong:
      return "pong";
  }
  return "";
}

frame_header_result parse_frame_header(std::span<const std::byte> bytes, side from,
                                       unsigned char extension_bits) {
  if (bytes.size() < 2) return {};
  const auto first = std::to_integer<unsigned>(bytes[0]);
  const auto second = std::to_integer<unsigned>(bytes[1]);
  const unsigned code = first & 0x0F, reserved = first & 0x70;
  if (!is_known(code)) return wrong("unknown opcode " + hexadecimal(code));
  // RFC 7692 section 6.1: the bit is for the first fragment alone, and never for control frames.
  const bool may_be_marked =
      code == static_cast<unsigned>(opcode::text) || code == static_cast<unsigned>(opcode::binary);
  const unsigned wrong_bits = reserved & ~(may_be_marked ? extension_bits : 0U);
  if (wrong_bits != 0)
    return wrong(first_bit_name(wrong_bits) + " is set in a " + frame_name(code));

  frame_header_result result;
  frame_header& header = result.header;
  header.opcode = static_cast<opcode>(code);
  header.fin = (first & 0x80) != 0;
  header.reserved_bits = static_cast<unsigned char>(reserved);
  header.length = second & 0x7F;
  const bool masked = (second & 0x80) != 0;
  // Section 5.1: "a client MUST mask all frames that it sends to the server", "A server MUST NOT
  // mask any frames that it sends to the client."
  if (masked != (from == side::client)) {
    return wrong(frame_name(code) +
                 (masked ? " from a server is masked" : " from a client is not masked"));
  }
  if (is_control(header.opcode)) {
    if (!header.fin) return wrong(frame_name(code) + " is fragmented");
    if (header.length > control_payload_max) {
      return wrong(frame_name(code) + " is longer than 125 bytes");
    }
  }

  const std::size_t extended = header.length == 127 ? 8 : header.length == 126 ? 2 : 0;
  const std::size_t size = 2 + extended + (masked ? 4 : 0);
  if (bytes.size() < size) return {};
  if (extended != 0) {
    header.length = parse_big_endian(bytes.subspan(2, extended));
    if (header.length >> 63 != 0) {
      return wrong("the highest bit of the length of a " + frame_name(code) + " is set");
    }
    if (header.length < (extended == 2 ? 126U : 65536U)) {
      return wrong("length " + std::to_string(header.length) + " of a " + frame_name(code) +
                   " is written in " + std::to_string(extended) + " bytes");
    }
  }
  if (masked) std::memcpy(header.mask.emplace().data(), bytes.data() + 2 + extended, 4);
  result.size = size;
  return result;
}

}  // namespace duplex::protocol
