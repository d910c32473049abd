#include "transcribe/width.hpp"

#include <algorithm>
#include <iterator>

namespace duplex::cli::transcribe {
namespace {

struct range {
  char32_t first, last;
};

// Unicode's East Asian Width (UAX #11), the blocks that are wide throughout, and emoji.
constexpr range wide[] = {
    {0x1100, 0x115F}, {0x2E80, 0x303E}, {0x3041, 0x33FF},   {0x3400, 0x4DBF},   {0x4E00, 0x9FFF},
    {0xA000, 0xA4CF}, {0xA960, 0xA97C}, {0xAC00, 0xD7A3},   {0xF900, 0xFAFF},   {0xFE30, 0xFE6F},
    {0xFF01, 0xFF60}, {0xFFE0, 0xFFE6}, {0x1F300, 0x1F64F}, {0x1F900, 0x1F9FF}, {0x20000, 0x3FFFD}};
// Diacritical marks, joiners and variation selectors.
constexpr range combining[] = {{0x0300, 0x036F}, {0x0483, 0x0489}, {0x0591, 0x05BD},
                               {0x064B, 0x065F}, {0x093C, 0x093C}, {0x0941, 0x0948},
                               {0x200B, 0x200F}, {0x20D0, 0x20FF}, {0x3099, 0x309A},
                               {0xFE00, 0xFE0F}, {0xFE20, 0xFE2F}};

bool is_in(const range& of, char32_t value) { return value >= of.first && value <= of.last; }

template <std::size_t Size>
bool is_in(const range (&of)[Size], char32_t value) {
  return std::any_of(std::begin(of), std::end(of),
                     [&](const range& each) { return is_in(each, value); });
}

std::size_t size_of(char lead) {
  const auto byte = static_cast<unsigned char>(lead);
  return byte < 0xC0 ? 1 : byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4;
}

char32_t value_of(std::string_view bytes) {
  const auto lead = static_cast<unsigned char>(bytes[0]);
  char32_t value = bytes.size() == 1 ? lead : lead & (0x7Fu >> bytes.size());
  for (const char c : bytes.substr(1)) value = value << 6 | (static_cast<unsigned char>(c) & 0x3F);
  return value;
}

}  // namespace

std::vector<letter> letters_of(std::string_view text) {
  std::vector<letter> letters;
  for (std::size_t at = 0; at < text.size();) {
    const auto bytes = text.substr(at, size_of(text[at]));
    const auto value = value_of(bytes);
    if (is_in(combining, value) && !letters.empty()) {
      auto& last = letters.back().bytes;
      last = {last.data(), last.size() + bytes.size()};
    } else {
      letters.push_back({bytes, is_in(wide, value) ? 2u : 1u});
    }
    at += bytes.size();
  }
  return letters;
}

std::size_t columns_of(std::string_view text) {
  std::size_t columns = 0;
  for (const auto& each : letters_of(text)) columns += each.columns;
  return columns;
}

std::string_view last_columns(std::string_view text, std::size_t columns) {
  const auto letters = letters_of(text);
  std::size_t kept = 0;
  std::size_t taken = 0;
  for (auto each = letters.rbegin(); each != letters.rend(); ++each) {
    if (taken + each->columns > columns) break;
    taken += each->columns;
    kept += each->bytes.size();
  }
  return text.substr(text.size() - kept);
}

}  // namespace duplex::cli::transcribe
