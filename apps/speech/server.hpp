// The speech server: the request protocol over WebSocket connections.
#pragma once

#include <duplex/log.hpp>
#include <duplex/server.hpp>
#include <string_view>

#include "speech/request/handler.hpp"

namespace duplex::speech {

/// Listens on host and port (0: any free one) and serves `handler`'s replies on path `/` as soon as
/// the loop runs; every other path is closed with 1008.
///
/// Requests are decoded on the loop's worker threads (UV_THREADPOOL_SIZE of them), one at a time
/// for each connection and answered in order, so that pings and other clients never wait for one.
/// When a connection ends, its decoding is stopped. `handler` must outlive the loop. Throws as
/// `duplex::serve` does.
server serve_speech(const request_handler& handler, std::string_view host, int port,
                    logger logger = stderr_logger());

}  // namespace duplex::speech
