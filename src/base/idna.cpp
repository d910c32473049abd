// Punycode (RFC 3492), label by label.
#include "base/idna.hpp"

#include <locale.h>
#include <wctype.h>

#include <algorithm>
#include <cstdint>
#include <limits>

namespace duplex::detail {
namespace {

constexpr std::size_t label_max = 63;  // RFC 1035 section 2.3.4

// nullopt where the text is not UTF-8.
std::optional<std::u32string> decoded(std::string_view text) {
  std::u32string result;
  for (std::size_t at = 0; at < text.size();) {
    const auto lead = static_cast<unsigned char>(text[at]);
    const std::size_t size = lead < 0x80   ? 1
                             : lead < 0xC2 ? 0
                             : lead < 0xE0 ? 2
                             : lead < 0xF0 ? 3
                                           : 4;
    if (size == 0 || lead > 0xF4 || at + size > text.size()) return std::nullopt;
    char32_t point = size == 1 ? lead : lead & (0x7Fu >> size);
    for (std::size_t i = 1; i < size; ++i) {
      const auto next = static_cast<unsigned char>(text[at + i]);
      if ((next & 0xC0) != 0x80) return std::nullopt;
      point = point << 6 | (next & 0x3F);
    }
    const bool too_long = (size == 3 && point < 0x800) || (size == 4 && point < 0x10000);
    if (too_long || point > 0x10FFFF || (point >= 0xD800 && point < 0xE000)) return std::nullopt;
    result += point;
    at += size;
  }
  return result;
}

// By the rules of Unicode, whatever the program's locale is.
char32_t lower_case(char32_t point) {
  static const locale_t unicode = newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);
  if (unicode == nullptr) return point;
  return static_cast<char32_t>(towlower_l(static_cast<wint_t>(point), unicode));
}

// RFC 3490 section 3.1: what else may part labels.
bool is_dot(char32_t point) {
  return point == U'.' || point == 0x3002 || point == 0xFF0E || point == 0xFF61;
}

// RFC 3492 section 6.1.
std::uint32_t adapted(std::uint32_t delta, std::uint32_t points, bool first) {
  delta = first ? delta / 700 : delta / 2;
  delta += delta / points;
  std::uint32_t k = 0;
  for (; delta > 455; k += 36) delta /= 35;
  return k + 36 * delta / (delta + 38);
}

// RFC 3492 section 6.3. Labels are short, so that nothing overflows.
std::string punycode(std::u32string_view label) {
  constexpr std::string_view digits = "abcdefghijklmnopqrstuvwxyz0123456789";
  std::string result;
  for (const char32_t point : label) {
    if (point < 0x80) result += static_cast<char>(point);
  }
  const auto basic = static_cast<std::uint32_t>(result.size());
  if (basic != 0) result += '-';
  std::uint32_t handled = basic, delta = 0, bias = 72;
  for (char32_t point = 0x80; handled < label.size(); ++point, ++delta) {
    char32_t next = std::numeric_limits<char32_t>::max();
    for (const char32_t each : label) {
      if (each >= point) next = std::min(next, each);
    }
    delta += (next - point) * (handled + 1);
    point = next;
    for (const char32_t each : label) {
      if (each < point) ++delta;
      if (each != point) continue;
      std::uint32_t rest = delta;
      for (std::uint32_t k = 36;; k += 36) {
        const std::uint32_t threshold = k <= bias ? 1 : std::min(k - bias, 26u);
        if (rest < threshold) break;
        result += digits[threshold + (rest - threshold) % (36 - threshold)];
        rest = (rest - threshold) / (36 - threshold);
      }
      result += digits[rest];
      bias = adapted(delta, handled + 1, handled == basic);
      delta = 0;
      ++handled;
    }
  }
  return result;
}

}  // namespace

std::optional<std::string> idna_to_ascii(std::string_view name) {
  constexpr std::size_t name_max = 1024;  // bytes; a name of the DNS has 253 characters
  if (name.size() > name_max) return std::nullopt;
  const auto points = decoded(name);
  if (!points) return std::nullopt;
  std::string result;
  for (auto start = points->begin();;) {
    const auto end = std::find_if(start, points->end(), is_dot);
    std::u32string label(start, end);
    std::transform(label.begin(), label.end(), label.begin(), lower_case);
    const bool is_ascii = std::all_of(label.begin(), label.end(), [](auto c) { return c < 0x80; });
    const std::string ascii =
        is_ascii ? std::string(label.begin(), label.end()) : "xn--" + punycode(label);
    if (ascii.size() > label_max) return std::nullopt;
    result += ascii;
    if (end == points->end()) return result;
    result += '.';
    start = end + 1;
  }
}

}  // namespace duplex::detail
