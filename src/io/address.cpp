// Addresses as values and as the system's structures.
#include <duplex/io/address.hpp>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <netinet/in.h>
#include <uv.h>

#include "io/error.hpp"
#include "io/sockaddr.hpp"

namespace duplex {

std::string to_string(const address& address) {
  const bool literal = address.host.find(':') != std::string::npos;
  return (literal ? "[" + address.host + "]" : address.host) + ":" + std::to_string(address.port);
}

namespace io {

sockaddr_storage to_sockaddr(const address& address) {
  sockaddr_storage result = {};
  auto* ipv4 = reinterpret_cast<sockaddr_in*>(&result);
  auto* ipv6 = reinterpret_cast<sockaddr_in6*>(&result);
  if (uv_ip4_addr(address.host.c_str(), address.port, ipv4) == 0) return result;
  if (uv_ip6_addr(address.host.c_str(), address.port, ipv6) == 0) return result;
  throw_system_error({EINVAL, std::system_category()},
                     "'" + address.host + "' is not a numeric address");
}

socklen_t size_of(const sockaddr_storage& address) noexcept {
  return address.ss_family == AF_INET6 ? sizeof(sockaddr_in6) : sizeof(sockaddr_in);
}

address to_address(const sockaddr* from) {
  if (from->sa_family != AF_INET && from->sa_family != AF_INET6) return {};
  // getnameinfo, not inet_ntop: it knows the zone of a link-local address (RFC 4007 section 11).
  char host[NI_MAXHOST];
  const socklen_t size = from->sa_family == AF_INET6 ? sizeof(sockaddr_in6) : sizeof(sockaddr_in);
  if (getnameinfo(from, size, host, sizeof host, nullptr, 0, NI_NUMERICHOST) != 0) return {};
  const auto port = from->sa_family == AF_INET6
                        ? reinterpret_cast<const sockaddr_in6*>(from)->sin6_port
                        : reinterpret_cast<const sockaddr_in*>(from)->sin_port;
  return {host, ntohs(port)};
}

std::vector<address> to_addresses(const addrinfo* list) {
  std::vector<address> result;
  for (; list; list = list->ai_next) {
    address next = to_address(list->ai_addr);
    if (!next.host.empty() && std::find(result.begin(), result.end(), next) == result.end()) {
      result.push_back(std::move(next));
    }
  }
  return result;
}

}  // namespace io
}  // namespace duplex
