// Connecting to the first of several addresses that answers.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <duplex/coro/limit.hpp>
#include <duplex/coro/task.hpp>
#include <duplex/io/tcp.hpp>

namespace duplex::io {

/// What `connect_tcp` does once it has resolved the name; `peer` names it in errors. At least one
/// address.
task<std::unique_ptr<stream>> connect_any(std::vector<address> addresses, std::string peer,
                                          limit limit = {}, std::optional<address> local = {});

}  // namespace duplex::io
