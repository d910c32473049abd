// The connections of one-message requests: a recording in, its text out.
#pragma once

#include <duplex/connection.hpp>
#include <duplex/coro/task.hpp>

#include "speech/server/service.hpp"

namespace duplex::speech {

/// Answers the requests of one connection, in order, to its end. `of` must outlive it.
task<> answer_requests(connection& ws, service& of);

}  // namespace duplex::speech
