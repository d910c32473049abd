// Getting the stream that the opening handshake of a client is made on.
#pragma once

#include <memory>

#include <duplex/coro/limit.hpp>
#include <duplex/coro/task.hpp>
#include <duplex/io/stream.hpp>

#include "protocol/option_settings.hpp"

namespace duplex::detail {

/// A stream to the target. Throws std::system_error where it cannot be reached, and as the limit
/// says, which bounds all steps together.
task<std::unique_ptr<io::stream>> dial(dial_settings settings, limit limit);

}  // namespace duplex::detail
