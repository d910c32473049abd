// Addresses in words.
#include <duplex/io/address.hpp>

#include <algorithm>
#include <array>
#include <cstdio>
#include <utility>

#include "base/ip_address.hpp"

namespace duplex {

namespace {

constexpr std::string_view unix_scheme = "unix:";

}  // namespace

address unix_address(std::string_view path) {
  std::string host(unix_scheme);
  host += path;
  if (path.starts_with('\0')) host[unix_scheme.size()] = '@';
  return {std::move(host)};
}

std::optional<std::string_view> unix_path_of(std::string_view host) noexcept {
  if (!host.starts_with(unix_scheme)) return std::nullopt;
  return host.substr(unix_scheme.size());
}

std::string to_string(const address& address) {
  if (unix_path_of(address.host)) return address.host;
  const bool literal = address.host.find(':') != std::string::npos;
  return (literal ? "[" + address.host + "]" : address.host) + ":" + std::to_string(address.port);
}

std::string network_of(const address& of) {
  const std::string_view host = of.host;
  const auto ip = detail::parse_ip_address(host.substr(0, host.find('%')));  // not its interface
  if (!ip || ip->size != 16) return of.host;
  const auto& bytes = ip->bytes;
  constexpr std::array<unsigned char, 12> mapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};
  char text[24];
  if (std::equal(mapped.begin(), mapped.end(), bytes.begin())) {
    std::snprintf(text, sizeof text, "%d.%d.%d.%d", bytes[12], bytes[13], bytes[14], bytes[15]);
  } else {
    std::snprintf(text, sizeof text, "%x:%x:%x:%x::", bytes[0] << 8 | bytes[1],
                  bytes[2] << 8 | bytes[3], bytes[4] << 8 | bytes[5], bytes[6] << 8 | bytes[7]);
  }
  return text;
}

}  // namespace duplex
