// Addresses as values and as the system's structures.
#pragma once

#include <vector>

#include <netdb.h>
#include <sys/socket.h>

#include <duplex/io/address.hpp>

namespace duplex::io {

/// Throws std::system_error(EINVAL) where the host is not numeric.
sockaddr_storage to_sockaddr(const address& address);
/// The structure's own size.
socklen_t size_of(const sockaddr_storage& address) noexcept;
/// Empty where it is no IP address.
address to_address(const sockaddr* from);
inline address to_address(const sockaddr_storage& from) {
  return to_address(reinterpret_cast<const sockaddr*>(&from));
}
/// In order, without repetitions.
std::vector<address> to_addresses(const addrinfo* list);

}  // namespace duplex::io
