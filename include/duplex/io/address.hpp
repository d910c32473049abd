// Socket addresses as values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace duplex {

/// An IP address and port, as text and number, or a unix socket.
struct address {
  /// Numeric IPv4 or IPv6, without brackets. Of a unix socket: "unix:" and its path; an abstract
  /// name (unix(7)) begins with "@", and the end that connected has none: "unix:".
  std::string host = {};
  std::uint16_t port = 0;  ///< 0 for a unix socket

  bool operator==(const address&) const = default;
};

/// The address of a unix socket by its path; an abstract name may begin with "@" or with NUL.
address unix_address(std::string_view path);

/// The path or name in a host that is a unix socket's.
std::optional<std::string_view> unix_path_of(std::string_view host) noexcept;

/// "127.0.0.1:8765", "[::1]:8765", "unix:/run/app.sock".
std::string to_string(const address& address);

/// What of its host counts as one where many have to share: of IPv6 the first 64 bits, which a
/// single customer has, as "2001:db8:1:2::"; IPv4 in IPv6 (RFC 4291 section 2.5.5.2) as IPv4; any
/// other host as it is.
std::string network_of(const address& of);

/// Restricts name look-ups and listening sockets.
enum class address_family : unsigned char { any, ipv4, ipv6 };

}  // namespace duplex
