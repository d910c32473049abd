// The live stream's connections: `duplex.speech.v1` between a WebSocket and a session.
#pragma once

#include <duplex/connection.hpp>
#include <duplex/coro/task.hpp>

#include "speech/server/service.hpp"

namespace duplex::speech {

/// Serves one connection to its end. `of` must outlive it.
task<> serve_stream(connection& ws, service& of);

}  // namespace duplex::speech
