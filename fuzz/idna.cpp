// International names: in ASCII they have one form, and it can be read back.
#include "base/idna.hpp"

#include <duplex/buffer.hpp>
#include <duplex/http.hpp>
#include <duplex/protocol/utf8.hpp>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "property.hpp"

using namespace duplex;
using detail::idna_to_ascii;
using fuzz::require;

namespace {

void append_utf8(std::string& to, char32_t point) {
  const auto byte = [&](char32_t value) { to += static_cast<char>(value); };
  if (point < 0x80) return byte(point);
  if (point < 0x800) {
    byte(0xC0 | point >> 6);
  } else {
    if (point < 0x10000) {
      byte(0xE0 | point >> 12);
    } else {
      byte(0xF0 | point >> 18);
      byte(0x80 | (point >> 12 & 0x3F));
    }
    byte(0x80 | (point >> 6 & 0x3F));
  }
  byte(0x80 | (point & 0x3F));
}

// RFC 3492 section 6.2, for what was encoded.
std::string from_punycode(std::string_view text) {
  std::u32string points;
  const auto dash = text.rfind('-');
  if (dash != std::string_view::npos) {
    points.assign(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(dash));
    text.remove_prefix(dash + 1);
  }
  std::uint64_t point = 0x80, place = 0, bias = 72;
  bool first = true;
  while (!text.empty()) {
    const std::uint64_t before = place;
    std::uint64_t weight = 1;
    for (std::uint64_t k = 36;; k += 36) {
      require(!text.empty(), "no number of punycode is cut off");
      const char c = text.front();
      const auto digit = static_cast<std::uint64_t>(c >= 'a' ? c - 'a' : c - '0' + 26);
      text.remove_prefix(1);
      place += digit * weight;
      const std::uint64_t threshold = k <= bias ? 1 : std::min<std::uint64_t>(k - bias, 26);
      if (digit < threshold) break;
      weight *= 36 - threshold;
    }
    const std::uint64_t count = points.size() + 1;
    std::uint64_t delta = (place - before) / (first ? 700 : 2);
    delta += delta / count;
    std::uint64_t k = 0;
    for (; delta > 455; k += 36) delta /= 35;
    bias = k + 36 * delta / (delta + 38);
    first = false;
    point += place / count;
    place %= count;
    require(point <= 0x10FFFF, "punycode holds letters of Unicode");
    points.insert(points.begin() + static_cast<std::ptrdiff_t>(place++),
                  static_cast<char32_t>(point));
  }
  std::string result;
  for (const char32_t each : points) append_utf8(result, each);
  return result;
}

std::size_t letters_of(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  }));
}

bool is_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

void check_label(std::string_view label) {
  const auto ascii = idna_to_ascii(label);
  require(!ascii || ascii->find('.') != std::string::npos || ascii->size() <= 63,
          "no label is longer than the DNS has it");
  if (!ascii || is_ascii(label) || ascii->find('.') != std::string::npos) return;
  // Letters whose small ones are ASCII's, such as K of Kelvin, may leave nothing to encode.
  if (!ascii->starts_with("xn--") || equal_ignoring_case(label.substr(0, 4), "xn--")) return;
  const auto back = from_punycode(std::string_view(*ascii).substr(4));
  require(protocol::is_utf8(as_bytes(back)), "punycode holds text");
  require(letters_of(back) == letters_of(label), "punycode holds every letter");
  require(idna_to_ascii(back) == ascii, "a label read back has the same form");
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto name = fuzz::input(data, size).rest();
  const auto ascii = idna_to_ascii(name);
  if (!ascii) {
    require(!protocol::is_utf8(as_bytes(name)) || name.size() > 12, "short text has a form");
    return 0;
  }
  require(protocol::is_utf8(as_bytes(name)), "what is no text has none");
  require(is_ascii(*ascii), "the form is ASCII");
  require(std::none_of(ascii->begin(), ascii->end(), [](char c) { return c >= 'A' && c <= 'Z'; }),
          "in lower case");
  constexpr std::size_t name_max = 1024;  // of what is given; the form may be longer
  require(ascii->size() > name_max || idna_to_ascii(*ascii) == ascii,
          "the form of the form is itself");
  for (auto rest = name;;) {
    const auto end = std::min(rest.find('.'), rest.size());
    check_label(rest.substr(0, end));
    if (end == rest.size()) break;
    rest.remove_prefix(end + 1);
  }
  return 0;
}
