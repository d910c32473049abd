#include "speech/join.hpp"

#include <algorithm>
#include <array>
#include <cstddef>

namespace duplex::speech {
namespace {

// Blocks of Unicode whose characters have no spaces between them. Hangul is not among them: Korean
// has spaces.
struct block {
  char32_t first, last;
};
constexpr std::array blocks{
    block{0x2E80, 0x30FF},    // radicals, punctuation, hiragana, katakana
    block{0x3100, 0x312F},    // bopomofo
    block{0x3190, 0x9FFF},    // annotations to unified ideographs, signs in circles among them
    block{0xF900, 0xFAFF},    // compatibility ideographs
    block{0xFE30, 0xFE4F},    // vertical forms
    block{0xFF00, 0xFF9F},    // fullwidth punctuation, halfwidth katakana
    block{0x1B000, 0x1B16F},  // more kana
    block{0x20000, 0x3FFFF},  // more ideographs
};

// The character that begins at `at`; of text that is no UTF-8 something that is in no block.
char32_t character_at(std::string_view text, std::size_t at) {
  const auto byte = static_cast<unsigned char>(text[at]);
  const std::size_t size = byte < 0xC0 ? 1 : byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4;
  if (size == 1 || size > text.size() - at) return 0;
  char32_t value = byte & (0xFF >> (size + 1));
  for (const char each : text.substr(at + 1, size - 1)) {
    value = value << 6 | (static_cast<unsigned char>(each) & 0x3F);
  }
  return value;
}

char32_t last_character(std::string_view text) {
  std::size_t at = text.size() - 1;
  while (at > 0 && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80) --at;
  return character_at(text, at);
}

bool has_no_spaces(char32_t character) {
  return std::ranges::any_of(blocks, [character](const block& each) {
    return each.first <= character && character <= each.last;
  });
}

}  // namespace

void append_segment(std::string& text, std::string_view segment) {
  if (segment.empty()) return;
  if (!text.empty() && !has_no_spaces(last_character(text)) &&
      !has_no_spaces(character_at(segment, 0))) {
    text += ' ';
  }
  text += segment;
}

}  // namespace duplex::speech
