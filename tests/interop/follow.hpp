// The coroutine that serves one connection, of a server or a client, as a test script asks.
#pragma once

#include <duplex/duplex.hpp>

namespace duplex::interop {

/// Echoes and obeys commands until the connection ends, reports how it ended, and returns.
/// `received`: the headers of the handshake that came from the other side.
task<> follow(connection& ws, const headers& received);

}  // namespace duplex::interop
