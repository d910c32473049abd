#include "speech/utf8.hpp"

#include <simdjson.h>

#include <nlohmann/json.hpp>
#include <utility>

namespace duplex::speech {

std::string to_valid_utf8(std::string text) {
  if (simdjson::validate_utf8(text)) return text;
  using json = nlohmann::json;
  const std::string repaired =
      json(std::move(text)).dump(-1, ' ', false, json::error_handler_t::replace);
  return json::parse(repaired).get<std::string>();
}

// By bytes, as models write a character in several pieces.
bool begins_unspaced(std::string_view text) {
  const auto byte = [&](std::size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0;
  };
  switch (byte(0)) {
    case 0xE2:
      return byte(1) >= 0xBA;  // U+2E80 to U+2FFF
    case 0xEF:
      return (byte(1) >= 0xA4 && byte(1) <= 0xAB) ||  // U+F900 to U+FAFF
             (byte(1) >= 0xBC && byte(1) <= 0xBE);    // U+FF00 to U+FFBF
    case 0xF0:
      return byte(1) >= 0xA0 || (byte(1) == 0x9B && byte(2) < 0x86);  // U+20000 on, U+1B000 on
    default:
      return byte(0) >= 0xE3 && byte(0) <= 0xE9;  // U+3000 to U+9FFF
  }
}

std::size_t last_word(std::string_view text) {
  std::size_t begin = text.size();
  while (begin > 0 && text[begin - 1] != ' ') {
    std::size_t character = begin - 1;
    while (character > 0 && (text[character] & 0xC0) == 0x80) --character;
    if (begins_unspaced(text.substr(character))) return begin == text.size() ? character : begin;
    begin = character;
  }
  return begin;
}

}  // namespace duplex::speech
