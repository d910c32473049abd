// TCP on the loop: resolving names, connecting and listening.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <duplex/coro/limit.hpp>
#include <duplex/coro/task.hpp>
#include <duplex/io/address.hpp>
#include <duplex/io/listener.hpp>
#include <duplex/io/stream.hpp>

namespace duplex::io {

/// Numeric addresses of a host, in the system's order (RFC 6724). An empty host: the wildcard
/// addresses. Throws std::system_error with the resolver's own message.
task<std::vector<address>> resolve(std::string host, std::uint16_t port,
                                   address_family family = address_family::any, limit limit = {});
/// The same, blocking.
std::vector<address> resolve_now(const std::string& host, std::uint16_t port,
                                 address_family family = address_family::any, bool passive = false);

/// Connects to the first of the host's addresses that answers, each started 250 ms after the one
/// before or at its failure (RFC 8305), from `local`, which restricts the family to its own, where
/// there is one. Nagle's algorithm is off. Throws std::system_error of the last failure, naming
/// host and port.
task<std::unique_ptr<stream>> connect_tcp(std::string host, std::uint16_t port,
                                          address_family family = address_family::any,
                                          limit limit = {}, std::optional<address> local = {});

/// Binds and listens, on one numeric address; an IPv6 wildcard leaves IPv4 alone. Port 0: any.
/// Throws std::system_error naming the address.
std::unique_ptr<listener> listen_tcp(const address& at, int backlog = 511, bool reuse_port = false);

}  // namespace duplex::io
