// Getting the stream that the opening handshake of a client is made on.
#pragma once

#include <memory>

#include <duplex/coro/limit.hpp>
#include <duplex/coro/task.hpp>
#include <duplex/io/stream.hpp>

#include "protocol/dial_settings.hpp"
#include "tls/client.hpp"

namespace duplex::detail {

/// A stream to the target. Throws std::system_error where it or its proxy cannot be reached,
/// proxy_error where the proxy refuses, and as the limit
/// says, which bounds all steps together.
task<std::unique_ptr<io::stream>> dial(dial_settings settings, tls::client proxy_tls, limit limit);

}  // namespace duplex::detail
