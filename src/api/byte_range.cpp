// Reading and writing byte ranges.
#include "api/byte_range.hpp"

#include <algorithm>
#include <charconv>
#include <duplex/http.hpp>
#include <limits>

namespace duplex::detail {
namespace {

// Digits alone; what no number holds is beyond every file.
std::optional<std::uint64_t> parse_position(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (problem == std::errc::invalid_argument || end != text.data() + text.size()) {
    return std::nullopt;
  }
  return problem == std::errc() ? value : std::numeric_limits<std::uint64_t>::max();
}

}  // namespace

std::optional<byte_range> parse_byte_range(std::string_view value, std::uint64_t size) {
  constexpr std::string_view unit = "bytes=";
  if (!equal_ignoring_case(value.substr(0, unit.size()), unit)) return std::nullopt;
  value.remove_prefix(unit.size());
  const auto dash = value.find('-');
  if (dash == std::string_view::npos) return std::nullopt;
  const auto first = value.substr(0, dash), last = value.substr(dash + 1);
  const auto from = parse_position(first), to = parse_position(last);
  if ((!from && !first.empty()) || (!to && !last.empty()) || (!from && !to)) return std::nullopt;
  if (!from) return byte_range{size - std::min(*to, size), size};  // the last so many
  if (!to) return byte_range{*from, size};
  if (*to < *from) return std::nullopt;
  return byte_range{*from, *to < size ? *to + 1 : size};
}

std::string content_range(const byte_range& range, std::uint64_t size) {
  const std::string whole = '/' + std::to_string(size);
  if (range.empty()) return "bytes *" + whole;
  return "bytes " + std::to_string(range.begin) + '-' + std::to_string(range.end - 1) + whole;
}

}  // namespace duplex::detail
