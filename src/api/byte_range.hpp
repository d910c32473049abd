// The byte range that a request asks for (RFC 9110 section 14).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace duplex::detail {

/// From the first byte to behind the last.
struct byte_range {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;

  bool empty() const noexcept { return begin >= end; }
  std::uint64_t size() const noexcept { return empty() ? 0 : end - begin; }
  bool operator==(const byte_range&) const = default;
};

/// The only range of a Range header, cut to a size; empty where nothing of it is there. nullopt
/// where the header is to be ignored: other units, wrong grammar, several ranges.
std::optional<byte_range> parse_byte_range(std::string_view value, std::uint64_t size);

/// The value of Content-Range: "bytes 0-4/10", for an empty range "bytes */10".
std::string content_range(const byte_range& range, std::uint64_t size);

}  // namespace duplex::detail
