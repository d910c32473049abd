// Unix sockets on the loop: connecting and listening.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <duplex/coro/limit.hpp>
#include <duplex/coro/task.hpp>
#include <duplex/io/listener.hpp>
#include <duplex/io/stream.hpp>

namespace duplex::io {

/// Connects to a unix socket: a path, or an abstract name (unix(7)) that begins with "@" or NUL.
/// Where the queue of the server is full it waits for room. Throws std::system_error naming the
/// path.
task<std::unique_ptr<stream>> connect_unix(std::string path, limit limit = {});

/// Binds and listens. The socket file that a dead server left is replaced; a living one's, or a
/// file of another kind, is left alone, and that is an error. The file is removed when the listener
/// is destroyed, unless it is another by then. `permissions`: of the file, such as 0660; nullopt:
/// those the umask leaves. Throws std::system_error naming the path.
std::unique_ptr<listener> listen_unix(std::string_view path, int backlog = 511,
                                      std::optional<unsigned> permissions = {});

}  // namespace duplex::io
