#include "probe/frames.hpp"

#include <algorithm>
#include <array>
#include <duplex/buffer.hpp>
#include <duplex/protocol/frame.hpp>

namespace duplex::probe {
namespace {

// The length of a payload whose header has so many bytes of extended length.
std::uint64_t length_written_in(int bytes) { return bytes == 8 ? 65536 : 126; }

void overwrite_big_endian(std::byte* to, std::uint64_t value, int count) {
  for (int i = count - 1; i >= 0; --i, value >>= 8) to[i] = static_cast<std::byte>(value);
}

}  // namespace

std::string write(const frame& frame) {
  const std::uint64_t length = frame.length.value_or(frame.payload.size());
  const int length_bytes = frame.length_bytes != 0 ? frame.length_bytes
                           : length > 65535        ? 8
                           : length > 125          ? 2
                                                   : 0;
  protocol::frame_header header{.length =
                                    length_bytes == 0 ? length : length_written_in(length_bytes)};
  if (frame.masked) overwrite_big_endian(header.mask.emplace().data(), frame.key, 4);

  // The header is made by the library's writer, and what no writer does is put in afterwards.
  std::array<std::byte, protocol::frame_header_size_max> bytes;
  const std::byte* const end = protocol::write_frame_header(bytes.data(), header);
  bytes[0] = static_cast<std::byte>((frame.fin ? 0x80U : 0U) | frame.reserved | frame.code);
  overwrite_big_endian(bytes.data() + 2, length, length_bytes);

  std::string result(as_text({bytes.data(), end}));
  const std::size_t header_size = result.size();
  result += frame.payload;
  if (header.mask) {
    auto* const payload = reinterpret_cast<std::byte*>(result.data()) + header_size;
    protocol::apply_mask(payload, payload, frame.payload.size(), *header.mask);
  }
  return result;
}

std::string text(std::string_view payload, bool fin) {
  return write({.code = text_code, .payload = std::string(payload), .fin = fin});
}

std::string binary(std::string_view payload, bool fin) {
  return write({.code = binary_code, .payload = std::string(payload), .fin = fin});
}

std::string continuation(std::string_view payload, bool fin) {
  return write({.code = continuation_code, .payload = std::string(payload), .fin = fin});
}

std::string ping(std::string_view payload) {
  return write({.code = ping_code, .payload = std::string(payload)});
}

std::string pong(std::string_view payload) {
  return write({.code = pong_code, .payload = std::string(payload)});
}

std::string close_payload(std::uint16_t code, std::string_view reason) {
  if (code == 1005) return {};
  std::string payload{static_cast<char>(code >> 8), static_cast<char>(code & 0xFF)};
  return payload.append(reason);
}

std::string close(std::uint16_t code, std::string_view reason) {
  return write({.code = close_code, .payload = close_payload(code, reason)});
}

std::string fragmented(unsigned code, std::string_view message, std::size_t size) {
  std::string result;
  do {
    const auto fragment = message.substr(0, size);
    message.remove_prefix(fragment.size());
    result += write({.code = code, .payload = std::string(fragment), .fin = message.empty()});
    code = continuation_code;
  } while (!message.empty());
  return result;
}

std::string filler(std::size_t count) {
  std::string result(count, '\0');
  std::uint32_t state = 2463534242;
  for (char& c : result) {
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    c = static_cast<char>('!' + state % 90);
  }
  return result;
}

}  // namespace duplex::probe
