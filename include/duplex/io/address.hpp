// Socket addresses as values.
#pragma once

#include <cstdint>
#include <string>

namespace duplex {

/// An IP address and port, as text and number.
struct address {
  std::string host = {};  ///< numeric IPv4 or IPv6, without brackets
  std::uint16_t port = 0;

  bool operator==(const address&) const = default;
};

/// "127.0.0.1:8765", "[::1]:8765".
std::string to_string(const address& address);

/// Restricts name look-ups and listening sockets.
enum class address_family : unsigned char { any, ipv4, ipv6 };

}  // namespace duplex
