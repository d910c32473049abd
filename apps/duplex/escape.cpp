#include "escape.hpp"

namespace duplex::cli {
namespace {

std::string escaped_byte(char c) {
  switch (c) {
    case '\n':
      return "\\n";
    case '\r':
      return "\\r";
    case '\t':
      return "\\t";
    case '"':
    case '\\':
      return {'\\', c};
    default:
      break;
  }
  if (c >= 0x20 && c < 0x7F) return {c};
  constexpr std::string_view digits = "0123456789abcdef";
  const auto value = static_cast<unsigned char>(c);
  return {'\\', 'x', digits[value >> 4], digits[value & 0xF]};
}

}  // namespace

std::string escaped(std::string_view text, std::size_t shown_max) {
  std::string result;
  for (const char c : text.substr(0, shown_max)) result += escaped_byte(c);
  if (text.size() > shown_max) {
    result += "... (" + std::to_string(text.size()) + " bytes)";
  }
  return result;
}

}  // namespace duplex::cli
