// IP addresses in numbers, as texts name them.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace duplex::detail {

/// The bytes of an IPv4 or IPv6 address in network order.
struct ip_address {
  std::array<std::uint8_t, 16> bytes = {};
  std::size_t size = 4;  ///< 4 or 16

  bool operator==(const ip_address&) const = default;
};

/// "127.0.0.1", "::1", "::ffff:127.0.0.1" (RFC 4291 section 2.2); no brackets, no zone. nullopt for
/// anything else, "127.1" and "0x7f.0.0.1" among it.
std::optional<ip_address> parse_ip_address(std::string_view text);

/// Whether the first `prefix` bits are the same (RFC 4632 section 3.1).
bool same_prefix(const ip_address& a, const ip_address& b, std::size_t prefix) noexcept;

}  // namespace duplex::detail
