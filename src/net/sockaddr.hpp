// Addresses as values and as the system's structures.
#pragma once

#include <vector>

#include <netdb.h>
#include <sys/socket.h>

#include <duplex/io/address.hpp>

namespace duplex::net {

/// An address as the system takes it.
struct socket_address {
  sockaddr_storage storage = {};
  socklen_t size = sizeof(sockaddr_storage);  ///< the structure's own once it is known

  int family() const noexcept { return storage.ss_family; }
  sockaddr* get() noexcept { return reinterpret_cast<sockaddr*>(&storage); }
  const sockaddr* get() const noexcept { return reinterpret_cast<const sockaddr*>(&storage); }
};

/// Throws std::system_error: EINVAL where the host is neither numeric nor a unix socket's,
/// ENAMETOOLONG where the path is longer than the system takes.
socket_address to_sockaddr(const address& address);
/// Empty where it is neither an IP address nor a unix socket's.
address to_address(const sockaddr* from, socklen_t size);
inline address to_address(const socket_address& from) { return to_address(from.get(), from.size); }
/// In order, without repetitions.
std::vector<address> to_addresses(const addrinfo* list);
/// RFC 8305 section 4: the families take turns, that of the first address first.
std::vector<address> in_turns(const std::vector<address>& addresses);

/// Of a socket; empty where there is none.
address local_address_of(int socket);
address remote_address_of(int socket);

}  // namespace duplex::net
