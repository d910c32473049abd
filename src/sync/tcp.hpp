// From a host name to a connected socket, within a deadline.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <duplex/io/address.hpp>

#include "sync/socket.hpp"

namespace duplex::sync {

/// An address as the system takes it.
struct socket_address {
  sockaddr_storage storage = {};
  socklen_t size = 0;

  const sockaddr* get() const noexcept { return reinterpret_cast<const sockaddr*>(&storage); }
};

/// The addresses of a host, in the resolver's order. Throws std::system_error where there is none,
/// duplex::timeout past the deadline. A look-up cannot be interrupted: past the deadline it goes on
/// in a thread of its own, which touches nothing but what it owns.
std::vector<socket_address> resolve(const std::string& host, std::uint16_t port,
                                    address_family family,
                                    std::optional<clock::time_point> deadline);

/// A blocking socket connected to the first address that answers; attempts start a moment apart
/// (RFC 8305). Throws std::system_error where none answers, duplex::timeout past the deadline.
/// `peer` is for messages.
descriptor connect_tcp(const std::vector<socket_address>& addresses, const std::string& peer,
                       std::optional<clock::time_point> deadline);

}  // namespace duplex::sync
