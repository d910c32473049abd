// Networks of IP addresses, and addresses as text.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "base/ip_address.hpp"

namespace duplex::detail {

/// "127.0.0.1", "2001:db8::1" (RFC 5952), "::ffff:127.0.0.1".
std::string to_text(const ip_address& ip);

/// A network (RFC 4632), or the one of a single address. What IPv6 sockets tell of IPv4 peers,
/// ::ffff:a.b.c.d, counts as IPv4.
class ip_network {
 public:
  /// "10.0.0.0/8", "2001:db8::/32", "127.0.0.1". nullopt: it is none.
  static std::optional<ip_network> parse(std::string_view text);
  bool contains(const ip_address& ip) const noexcept;

 private:
  std::optional<ip_network> unmapped() const;

  ip_address address_;
  std::size_t prefix_ = 0;
};

}  // namespace duplex::detail
