// White space, put anew between the tokens of JSON. It is not parsed into values, which would
// change numbers that no double holds.
#include "connect/json_layout.hpp"

#include <nlohmann/json.hpp>

namespace duplex::cli {
namespace {

// What is nested deeper is for no reader, and indenting it could cost the square of its length.
constexpr std::size_t depth_max = 64;

constexpr std::string_view white_space = " \t\r\n";

// Of JSON that begins with a quote: the string with both quotes.
std::string_view leading_string(std::string_view text) {
  std::size_t end = 1;
  while (text[end] != '"') end += text[end] == '\\' ? 2 : 1;
  return text.substr(0, end + 1);
}

}  // namespace

std::optional<std::string> lay_out_json(std::string_view text) {
  if (!nlohmann::json::accept(text)) return std::nullopt;
  std::string result;
  std::size_t depth = 0;
  const auto next_line = [&] { result.append("\n").append(2 * depth, ' '); };
  while (!text.empty()) {
    const char c = text[0];
    std::size_t taken = 1;
    if (c == '"') {
      const auto string = leading_string(text);
      result += string;
      taken = string.size();
    } else if (c == '{' || c == '[') {
      if (++depth > depth_max) return std::nullopt;
      result += c;
      const auto inside = text.find_first_not_of(white_space, 1);
      if (text[inside] == '}' || text[inside] == ']') {
        result += text[inside];
        taken = inside + 1;
        --depth;
      } else {
        next_line();
      }
    } else if (c == '}' || c == ']') {
      --depth;
      next_line();
      result += c;
    } else if (c == ',') {
      result += c;
      next_line();
    } else if (c == ':') {
      result += ": ";
    } else if (white_space.find(c) == std::string_view::npos) {
      result += c;
    }
    text.remove_prefix(taken);
  }
  return result;
}

}  // namespace duplex::cli
