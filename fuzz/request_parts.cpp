// What a server takes from a request: no path leaves its folder, no range its file; base64 and
// origins are what they look like.
#include <duplex/buffer.hpp>
#include <duplex/origin.hpp>
#include <duplex/protocol/utf8.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

#include "api/byte_range.hpp"
#include "api/url_path.hpp"
#include "property.hpp"
#include "protocol/crypto.hpp"

using namespace duplex;
using fuzz::require;

namespace {

void check_path(std::string_view text) {
  const auto segments = detail::path_segments(text);
  if (!segments) return;
  const std::filesystem::path root = "/srv/www";
  auto path = root;
  std::string again;
  for (std::size_t i = 0; i < segments->size(); ++i) {
    const auto& segment = (*segments)[i];
    require(!segment.empty() || i + 1 == segments->size(), "only the last segment is empty");
    require(protocol::is_utf8(as_bytes(segment)), "a segment is text");
    require(std::none_of(segment.begin(), segment.end(),
                         [](char c) { return c == '\0' || c == '\n' || c == '/' || c == '\\'; }),
            "a segment is one line, and one segment");
    path /= segment.empty() ? "index.html" : segment;
    again += '/';
    for (const char c : segment) {
      char encoded[4];
      std::snprintf(encoded, sizeof encoded, "%%%02x", static_cast<unsigned char>(c));
      again += encoded;
    }
  }
  require(detail::path_segments(again) == segments,
          "segments are the same however they are encoded");
  const auto normal = path.lexically_normal();
  const auto depth = std::distance(normal.begin(), normal.end());
  require(std::mismatch(root.begin(), root.end(), normal.begin(), normal.end()).first == root.end(),
          "a path stays in its folder");
  require(depth == std::distance(root.begin(), root.end()) +
                       static_cast<std::ptrdiff_t>(segments->size()),
          "each segment leads one folder down");
}

void check_range(std::string_view header, std::uint64_t size) {
  const auto range = detail::parse_byte_range(header, size);
  if (!range) return;
  require(header.find(',') == std::string_view::npos, "a range is one range");
  const auto told = detail::content_range(*range, size);
  if (range->empty()) {
    require(range->size() == 0 && told == "bytes */" + std::to_string(size),
            "nothing of it is there");
    return;
  }
  require(range->end <= size, "a range stays in its file");
  const std::string positions = std::to_string(range->begin) + '-' + std::to_string(range->end - 1);
  require(told == "bytes " + positions + '/' + std::to_string(size), "a range is told as it is");
  require(detail::parse_byte_range("bytes=" + positions, size) == range, "a range is what it says");
}

void check_base64(std::string_view text) {
  require(protocol::base64_decode(protocol::base64_encode(as_bytes(text))) == text,
          "bytes come back from base64");
  const auto bytes = protocol::base64_decode(text);
  if (!bytes) return;
  const auto encoded = protocol::base64_encode(as_bytes(*bytes));
  require(encoded.size() == text.size(), "base64 is as long as its bytes make it");
  // The last digit before the padding has bits that count for nothing.
  const auto whole = text.size() - std::min<std::size_t>(text.size(), 4);
  require(encoded.substr(0, whole) == text.substr(0, whole), "base64 has one form but for its end");
  require(protocol::base64_decode(encoded) == bytes, "bytes are what they were");
}

void check_origin(std::string_view origin, std::string_view host) {
  request asked;
  try {
    asked.headers.add("Host", std::string(host));
  } catch (const std::invalid_argument&) {
    return;
  }
  for (const std::string_view scheme : {"http://", "https://"}) {
    require(same_origin(std::string(scheme).append(host), asked), "a page of the host is its own");
    if (!origin.starts_with(scheme) || !same_origin(origin, asked)) continue;
    const auto from = origin.substr(scheme.size());
    const auto common = std::min(from.size(), host.size());
    const auto port = from.size() > common ? from.substr(common) : host.substr(common);
    require(equal_ignoring_case(from.substr(0, common), host.substr(0, common)) &&
                (port.empty() || port == (scheme == "http://" ? ":80" : ":443")),
            "a page of another host is not");
  }
  static const origin_rule ours = origin_matching("https://[a-z]+\\.example\\.org");
  require(!ours.allows(origin, asked) ||
              (origin.starts_with("https://") && origin.ends_with(".example.org")),
          "an expression is for the whole of an origin");
  try {
    const origin_rule exact{origin};
    require(exact.allows(origin, asked), "an origin is itself");
    require(!exact.allows(std::string(origin) + "0", asked) && !exact.allows(std::nullopt, asked),
            "and no other");
  } catch (const std::invalid_argument&) {  // what no browser sends
  }
}

}  // namespace

// An input's first byte chooses the size of a file; the rest is taken for each part of a request,
// its first line for an origin.
int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::array<std::uint64_t, 6> sizes{0, 1, 10, 5000, 1ull << 63, UINT64_MAX};
  fuzz::input in(data, size);
  const auto file_size = sizes.at(in.byte() % sizes.size());
  const auto text = in.rest();
  check_path(text);
  check_range(text, file_size);
  check_base64(text);
  const auto origin = text.substr(0, text.find('\n'));
  check_origin(origin, text.substr(std::min(origin.size() + 1, text.size())));
  return 0;
}
