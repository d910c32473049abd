// Percent-decoding with an eye on what may follow from it.
#include "api/url_path.hpp"

#include <algorithm>
#include <charconv>
#include <duplex/buffer.hpp>
#include <duplex/protocol/utf8.hpp>

namespace duplex::detail {
namespace {

std::optional<std::string> percent_decoded(std::string_view text) {
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      result += text[i];
      continue;
    }
    const auto digits = text.substr(i + 1, 2);
    unsigned value = 0;
    const auto [end, problem] =
        std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
    if (problem != std::errc() || digits.size() < 2 || end != digits.data() + 2) {
      return std::nullopt;
    }
    result += static_cast<char>(value);
    i += 2;
  }
  return result;
}

bool is_harmless(std::string_view segment) {
  return segment != "." && segment != ".." && protocol::is_utf8(as_bytes(segment)) &&
         std::none_of(segment.begin(), segment.end(), [](char c) {
           const auto byte = static_cast<unsigned char>(c);
           return byte < 0x20 || byte == 0x7F || c == '/' || c == '\\';
         });
}

}  // namespace

std::optional<std::vector<std::string>> path_segments(std::string_view path) {
  std::vector<std::string> segments;
  if (!path.starts_with('/')) return std::nullopt;
  while (!path.empty()) {
    path.remove_prefix(1);  // the slash
    const auto end = std::min(path.find('/'), path.size());
    auto segment = percent_decoded(path.substr(0, end));
    path.remove_prefix(end);
    if (!segment || !is_harmless(*segment) || (segment->empty() && !path.empty())) {
      return std::nullopt;
    }
    segments.push_back(std::move(*segment));
  }
  return segments;
}

}  // namespace duplex::detail
