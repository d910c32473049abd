// From a host name to a connected socket, within a deadline.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <duplex/io/address.hpp>

#include "sync/socket.hpp"

namespace duplex::sync {

/// The addresses of a host, in the resolver's order. Throws std::system_error where there is none,
/// duplex::timeout past the deadline. A look-up cannot be interrupted: past the deadline it goes on
/// in a thread of its own, which touches nothing but what it owns.
std::vector<address> resolve(const std::string& host, std::uint16_t port, address_family family,
                             std::optional<clock::time_point> deadline);

/// A blocking socket connected to the first address that answers; attempts start a moment apart
/// (RFC 8305). Throws std::system_error where none answers, duplex::timeout past the deadline.
/// `peer` is for messages; `local` is what to bind to before.
descriptor connect_tcp(const std::vector<address>& addresses, const std::string& peer,
                       std::optional<clock::time_point> deadline,
                       const std::optional<address>& local = {});

/// A blocking socket connected to a unix socket's server. Throws as above.
descriptor connect_unix(const address& to, std::optional<clock::time_point> deadline);

/// Makes a connected socket one that blocks, without Nagle's algorithm.
descriptor make_blocking(descriptor socket) noexcept;

}  // namespace duplex::sync
