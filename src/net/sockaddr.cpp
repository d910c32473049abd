// Addresses as values and as the system's structures.
#include "net/sockaddr.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstddef>
#include <cstring>
#include <string>
#include <string_view>

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/un.h>

#include "net/error.hpp"

namespace duplex::net {
namespace {

constexpr std::size_t path_at = offsetof(sockaddr_un, sun_path);

socket_address to_unix(const address& address, std::string path) {
  socket_address result;
  auto& to = reinterpret_cast<sockaddr_un&>(result.storage);
  to.sun_family = AF_UNIX;
  const bool is_abstract = path.starts_with('@');
  if (is_abstract) path[0] = '\0';
  // A path ends with a NUL, and may not be empty: that would be any name.
  if (path.empty()) throw_system_error(EINVAL, "'" + address.host + "' has no path");
  if (path.size() + (is_abstract ? 0 : 1) > sizeof to.sun_path) {
    throw_system_error(ENAMETOOLONG, "'" + address.host + "'");
  }
  std::memcpy(to.sun_path, path.data(), path.size());
  result.size = static_cast<socklen_t>(path_at + path.size() + (is_abstract ? 0 : 1));
  return result;
}

address from_unix(const sockaddr_un& from, socklen_t size) {
  std::string_view path(from.sun_path, size > path_at ? size - path_at : 0);
  if (!path.starts_with('\0')) path = path.substr(0, path.find('\0'));
  return unix_address(path);
}

// The number of an interface by its name or number (RFC 4007 section 11.2); 0 is none.
unsigned zone_number(const std::string& zone) {
  if (const unsigned number = if_nametoindex(zone.c_str())) return number;
  unsigned number = 0;
  const auto [end, error] = std::from_chars(zone.data(), zone.data() + zone.size(), number);
  return error == std::errc() && end == zone.data() + zone.size() ? number : 0;
}

bool to_ipv6(const std::string& host, sockaddr_in6& to) {
  const auto percent = host.find('%');
  if (percent != std::string::npos) {
    to.sin6_scope_id = zone_number(host.substr(percent + 1));
    if (to.sin6_scope_id == 0) return false;
  }
  to.sin6_family = AF_INET6;
  return inet_pton(AF_INET6, host.substr(0, percent).c_str(), &to.sin6_addr) == 1;
}

address address_of(int socket, int (*ask)(int, sockaddr*, socklen_t*)) {
  socket_address found;
  if (ask(socket, found.get(), &found.size) != 0) return {};
  return to_address(found);
}

}  // namespace

socket_address to_sockaddr(const address& address) {
  if (const auto path = unix_path_of(address.host)) return to_unix(address, std::string(*path));
  socket_address result;
  auto& ipv4 = reinterpret_cast<sockaddr_in&>(result.storage);
  if (inet_pton(AF_INET, address.host.c_str(), &ipv4.sin_addr) == 1) {
    ipv4.sin_family = AF_INET;
    ipv4.sin_port = htons(address.port);
    result.size = sizeof ipv4;
    return result;
  }
  auto& ipv6 = reinterpret_cast<sockaddr_in6&>(result.storage);
  if (to_ipv6(address.host, ipv6)) {
    ipv6.sin6_port = htons(address.port);
    result.size = sizeof ipv6;
    return result;
  }
  throw_system_error(EINVAL, "'" + address.host + "' is not a numeric address");
}

address to_address(const sockaddr* from, socklen_t size) {
  if (from->sa_family == AF_UNIX)
    return from_unix(*reinterpret_cast<const sockaddr_un*>(from), size);
  if (from->sa_family != AF_INET && from->sa_family != AF_INET6) return {};
  // getnameinfo, not inet_ntop: it knows the zone of a link-local address (RFC 4007 section 11).
  char host[NI_MAXHOST];
  if (getnameinfo(from, size, host, sizeof host, nullptr, 0, NI_NUMERICHOST) != 0) return {};
  const auto port = from->sa_family == AF_INET6
                        ? reinterpret_cast<const sockaddr_in6*>(from)->sin6_port
                        : reinterpret_cast<const sockaddr_in*>(from)->sin_port;
  return {host, ntohs(port)};
}

std::vector<address> to_addresses(const addrinfo* list) {
  std::vector<address> result;
  for (; list; list = list->ai_next) {
    address next = to_address(list->ai_addr, list->ai_addrlen);
    if (!next.host.empty() && std::find(result.begin(), result.end(), next) == result.end()) {
      result.push_back(std::move(next));
    }
  }
  return result;
}

std::vector<address> in_turns(const std::vector<address>& addresses) {
  auto is_ipv6 = [](const address& a) { return a.host.find(':') != std::string::npos; };
  std::vector<address> turns[2], result;
  for (const auto& each : addresses) {
    turns[is_ipv6(each) == is_ipv6(addresses.front()) ? 0 : 1].push_back(each);
  }
  for (std::size_t i = 0; result.size() < addresses.size(); ++i) {
    for (auto& turn : turns) {
      if (i < turn.size()) result.push_back(std::move(turn[i]));
    }
  }
  return result;
}

address local_address_of(int socket) { return address_of(socket, &getsockname); }
address remote_address_of(int socket) { return address_of(socket, &getpeername); }

}  // namespace duplex::net
