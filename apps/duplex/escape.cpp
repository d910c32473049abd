// Text and bytes, made harmless.
#include "escape.hpp"

namespace duplex::cli {
namespace {

constexpr std::string_view digits = "0123456789abcdef";

void append_hexadecimal(std::string& to, unsigned char byte) {
  to += digits[byte >> 4];
  to += digits[byte & 0xF];
}

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
  std::string result = "\\x";
  append_hexadecimal(result, static_cast<unsigned char>(c));
  return result;
}

// One character of UTF-8 text (RFC 3629).
struct character {
  char32_t value = 0;
  std::size_t size = 0;  // 0: no UTF-8
};

character first_character(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text[0]);
  if (lead < 0x80) return {lead, 1};
  const std::size_t size = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || text.size() < size) return {};
  char32_t value = lead & (0x7Fu >> size);
  for (const char c : text.substr(1, size - 1)) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte & 0xC0) != 0x80) return {};
    value = value << 6 | (byte & 0x3F);
  }
  constexpr char32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
  if (value < least[size] || value > 0x10FFFF || (value >= 0xD800 && value <= 0xDFFF)) return {};
  return {value, size};
}

bool is_control(char32_t value) {
  return (value < 0x20 && value != '\n' && value != '\t') || (value >= 0x7F && value <= 0x9F);
}

// Direction marks, embeddings, overrides and isolates; line and paragraph separators.
bool is_unseen(char32_t value) {
  return value == 0x061C || value == 0x200E || value == 0x200F ||
         (value >= 0x2028 && value <= 0x202E) || (value >= 0x2066 && value <= 0x2069);
}

void append_code_unit(std::string& to, char32_t value) {
  to += "\\u";
  append_hexadecimal(to, static_cast<unsigned char>(value >> 8));
  append_hexadecimal(to, static_cast<unsigned char>(value));
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

std::string printable(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  while (!text.empty()) {
    const auto [value, size] = first_character(text);
    if (size == 0 || is_control(value)) {
      result += "\\x";
      append_hexadecimal(result, size == 0 ? static_cast<unsigned char>(text[0])
                                           : static_cast<unsigned char>(value));
    } else if (is_unseen(value)) {
      append_code_unit(result, value);
    } else {
      result.append(text.substr(0, size));
    }
    text.remove_prefix(size == 0 ? 1 : size);
  }
  return result;
}

std::string printable_json(std::string_view json) {
  std::string result;
  result.reserve(json.size());
  while (!json.empty()) {
    const auto [value, size] = first_character(json);
    if (size == 0) {
      append_code_unit(result, 0xFFFD);  // the replacement character
    } else if (is_control(value) || is_unseen(value)) {
      append_code_unit(result, value);
    } else {
      result.append(json.substr(0, size));
    }
    json.remove_prefix(size == 0 ? 1 : size);
  }
  return result;
}

std::string hexadecimal(std::span<const std::byte> bytes) {
  std::string result;
  result.reserve(2 * bytes.size());
  for (const auto byte : bytes) append_hexadecimal(result, static_cast<unsigned char>(byte));
  return result;
}

}  // namespace duplex::cli
