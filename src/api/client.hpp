// Connecting, for those that have a plan of their own.
#pragma once

#include <memory>

#include <duplex/connection.hpp>
#include <duplex/coro/limit.hpp>
#include <duplex/coro/task.hpp>
#include <duplex/io/stream.hpp>

#include "protocol/client_plan.hpp"
#include "tls/client.hpp"

namespace duplex::detail {

/// What `connect` does, within open_timeout and the limit; on a stream where one is given.
task<client_connection> open_client(client_plan plan, tls::clients tls,
                                    std::unique_ptr<io::stream> stream = {}, limit whole = {});

}  // namespace duplex::detail
