// UTF-8 in bulk by simdjson, the edges of pieces and the place of a mistake by an automaton.
#include <duplex/protocol/utf8.hpp>

#include <algorithm>
#include <cstring>

#include <simdjson.h>

namespace duplex::protocol {
namespace {

bool is_ascii_word(const std::byte* at) {
  std::uint64_t word;
  std::memcpy(&word, at, sizeof word);
  return (word & 0x8080808080808080U) == 0;
}

// How many of the last bytes begin a character that does not end among them.
std::size_t unfinished_tail(std::span<const std::byte> bytes) {
  for (std::size_t back = 1; back <= std::min<std::size_t>(3, bytes.size()); ++back) {
    const auto byte = std::to_integer<unsigned>(bytes[bytes.size() - back]);
    if ((byte & 0xC0) == 0x80) continue;
    const std::size_t length = byte >= 0xF0 ? 4 : byte >= 0xE0 ? 3 : byte >= 0xC0 ? 2 : 1;
    return length > back ? back : 0;
  }
  return 0;
}

// Below this the call of simdjson costs more than it saves.
constexpr std::size_t bulk_min = 32;

}  // namespace

// RFC 3629 section 4: the second byte of some characters has fewer values than the others.
bool utf8_validator::step(std::byte next) noexcept {
  const auto byte = std::to_integer<unsigned char>(next);
  if (missing_ == 0) {
    if (byte < 0x80) return true;
    if (byte < 0xC2 || byte > 0xF4) return false;
    missing_ = byte < 0xE0 ? 1 : byte < 0xF0 ? 2 : 3;
    lowest_ = byte == 0xE0 ? 0xA0 : byte == 0xF0 ? 0x90 : 0x80;
    highest_ = byte == 0xED ? 0x9F : byte == 0xF4 ? 0x8F : 0xBF;
    return true;
  }
  if (byte < lowest_ || byte > highest_) return false;
  --missing_;
  lowest_ = 0x80;
  highest_ = 0xBF;
  return true;
}

bool utf8_validator::receive(std::span<const std::byte> bytes) noexcept {
  const std::byte* at = bytes.data();
  const std::byte* const end = at + bytes.size();
  for (; at != end && missing_ != 0; ++at, ++position_) {
    if (!step(*at)) return false;
  }
  const auto left = static_cast<std::size_t>(end - at);
  if (left >= bulk_min) {
    const auto bulk = left - unfinished_tail({at, left});
    if (simdjson::validate_utf8(reinterpret_cast<const char*>(at), bulk)) {
      at += bulk;
      position_ += bulk;
    }
  }
  while (at != end) {
    if (missing_ == 0 && end - at >= 8 && is_ascii_word(at)) {
      at += 8;
      position_ += 8;
      continue;
    }
    if (!step(*at)) return false;
    ++at;
    ++position_;
  }
  return true;
}

bool is_utf8(std::span<const std::byte> bytes) noexcept {
  utf8_validator validator;
  return validator.receive(bytes) && validator.complete();
}

}  // namespace duplex::protocol
