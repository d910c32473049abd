// Connecting, for those that have a plan of their own.
#pragma once

#include <memory>

#include <duplex/coro/limit.hpp>

#include "protocol/client_plan.hpp"
#include "sync/blocking_connection.hpp"
#include "tls/client.hpp"

namespace duplex::sync {

/// What `connect` does, within open_timeout and the limit's deadline; on a transport where one is
/// given.
std::unique_ptr<blocking_connection> open_client(detail::client_plan plan, const tls::clients& tls,
                                                 std::unique_ptr<transport> transport = {},
                                                 const limit& whole = {});

}  // namespace duplex::sync
