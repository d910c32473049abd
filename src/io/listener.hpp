// A listener of the socket that listens already.
#pragma once

#include <memory>

#include <duplex/io/listener.hpp>

#include "net/descriptor.hpp"

namespace duplex::io {

/// Throws std::system_error where the loop cannot watch it.
std::unique_ptr<listener> make_listener(net::descriptor socket);

}  // namespace duplex::io
