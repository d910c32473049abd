// Sockets that others have made and hand over.
#pragma once

#include "net/descriptor.hpp"

namespace duplex::net {

/// Throws std::invalid_argument, which says what it is instead, where the descriptor is no
/// connected stream socket.
void require_connected(int socket);
/// The same for a listening one.
void require_listening(int socket);

/// Makes it ours: closed on exec.
descriptor take_over(int socket) noexcept;

}  // namespace duplex::net
