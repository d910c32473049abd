// Connecting, for those that have a plan of their own.
#pragma once

#include <duplex/connection.hpp>
#include <duplex/coro/limit.hpp>
#include <duplex/coro/task.hpp>

#include "protocol/client_plan.hpp"

namespace duplex::detail {

/// What `connect` does, within open_timeout and the limit.
task<client_connection> open_client(client_plan plan, limit whole = {});

}  // namespace duplex::detail
