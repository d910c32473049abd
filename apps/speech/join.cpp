#include "speech/join.hpp"

#include "speech/utf8.hpp"

namespace duplex::speech {
namespace {

bool ends_unspaced(std::string_view text) {
  std::size_t character = text.size() - 1;
  while (character > 0 && (text[character] & 0xC0) == 0x80) --character;
  return begins_unspaced(text.substr(character));
}

}  // namespace

void append_segment(std::string& text, std::string_view segment) {
  if (segment.empty()) return;
  if (!text.empty() && !ends_unspaced(text) && !begins_unspaced(segment)) text += ' ';
  text += segment;
}

}  // namespace duplex::speech
