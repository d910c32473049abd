// Reading the texts of IP addresses.
#include "base/ip_address.hpp"

#include <algorithm>
#include <charconv>

namespace duplex::detail {
namespace {

// A whole text of at most `digits_max` digits.
template <class Number>
bool parse_number(std::string_view text, std::size_t digits_max, int base, Number& to) {
  if (text.empty() || text.size() > digits_max) return false;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), to, base);
  return failure == std::errc() && end == text.data() + text.size();
}

std::optional<ip_address> parse_ipv4(std::string_view text) {
  ip_address result;
  for (std::size_t i = 0; i < 4; ++i) {
    const auto dot = i < 3 ? text.find('.') : text.size();
    if (dot == std::string_view::npos) return std::nullopt;
    const auto part = text.substr(0, dot);
    // A leading zero is octal to some readers.
    if (part.size() > 1 && part.front() == '0') return std::nullopt;
    if (!parse_number(part, 3, 10, result.bytes[i])) return std::nullopt;
    text.remove_prefix(std::min(dot + 1, text.size()));
  }
  return result;
}

class ipv6_parser {
 public:
  std::optional<ip_address> parse(std::string_view text) {
    if (text.starts_with("::")) {
      gap_ = 0;
      text.remove_prefix(2);
    }
    while (!text.empty()) {
      const auto colon = std::min(text.find(':'), text.size());
      if (!add(text.substr(0, colon), colon == text.size())) return std::nullopt;
      text.remove_prefix(colon);
      if (text.empty()) break;
      text.remove_prefix(1);
      if (text.empty()) return std::nullopt;
      if (text.front() != ':') continue;
      if (gap_) return std::nullopt;
      gap_ = count_;
      text.remove_prefix(1);
    }
    if (gap_ ? count_ > 14 : count_ != 16) return std::nullopt;
    if (gap_) {
      const auto from = result_.bytes.begin() + static_cast<std::ptrdiff_t>(*gap_);
      const auto end = result_.bytes.begin() + static_cast<std::ptrdiff_t>(count_);
      std::rotate(from, end, result_.bytes.end());
    }
    return result_;
  }

 private:
  bool add(std::string_view part, bool last) {
    if (part.find('.') != std::string_view::npos) {
      const auto tail = parse_ipv4(part);
      if (!last || !tail || count_ > 12) return false;
      std::copy_n(tail->bytes.begin(), 4, result_.bytes.begin() + static_cast<int>(count_));
      count_ += 4;
      return true;
    }
    std::uint16_t group = 0;
    if (count_ > 14 || !parse_number(part, 4, 16, group)) return false;
    result_.bytes[count_++] = static_cast<std::uint8_t>(group >> 8);
    result_.bytes[count_++] = static_cast<std::uint8_t>(group & 0xFF);
    return true;
  }

  ip_address result_{.size = 16};
  std::size_t count_ = 0;
  std::optional<std::size_t> gap_;  // where "::" is
};

}  // namespace

std::optional<ip_address> parse_ip_address(std::string_view text) {
  if (text.find(':') == std::string_view::npos) return parse_ipv4(text);
  return ipv6_parser().parse(text);
}

bool same_prefix(const ip_address& a, const ip_address& b, std::size_t prefix) noexcept {
  if (a.size != b.size || prefix > 8 * a.size) return false;
  const std::size_t whole = prefix / 8;
  if (!std::equal(a.bytes.begin(), a.bytes.begin() + static_cast<std::ptrdiff_t>(whole),
                  b.bytes.begin())) {
    return false;
  }
  const unsigned bits = prefix % 8;
  return bits == 0 || (a.bytes[whole] ^ b.bytes[whole]) >> (8 - bits) == 0;
}

}  // namespace duplex::detail
