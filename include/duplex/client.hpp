// Connecting to a WebSocket server from a coroutine.
#pragma once

#include <string_view>

#include <duplex/connection.hpp>
#include <duplex/coro/task.hpp>
#include <duplex/options.hpp>

namespace duplex {

/// Opens a connection to a `ws` URI.
///
/// Everything the options refer to is copied before `connect` returns. The task throws
/// invalid_handshake or one of its kinds where the server refuses, std::system_error where it
/// cannot be reached, duplex::timeout after open_timeout. `connect` itself throws invalid_uri and
/// std::invalid_argument for options that make no sense.
task<client_connection> connect(std::string_view uri, const connect_options& options = {});

/// Opens a connection to a server on a unix socket: a path, or an abstract name (unix(7)) that
/// begins with "@" or NUL. The URI is what the handshake tells the server.
task<client_connection> unix_connect(std::string_view path,
                                     std::string_view uri = "ws://localhost/",
                                     connect_options options = {});

}  // namespace duplex
