// Unix sockets: connecting, and listening at a path where others may have listened.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include <sys/types.h>

#include "net/descriptor.hpp"
#include "net/sockaddr.hpp"

namespace duplex::net {

/// How long to wait where the queue of a server is full: the system tells nobody when it has room.
constexpr auto unix_retry = std::chrono::milliseconds(10);

/// A connected socket that does not block, or none where the server's queue is full. Throws
/// std::system_error.
descriptor connect_unix(const address& to);

/// A listening socket and the file that is its own.
class unix_listening {
 public:
  /// Replaces the file a dead server has left. Throws std::system_error.
  unix_listening(const address& at, int backlog, std::optional<unsigned> permissions);
  unix_listening(const unix_listening&) = delete;
  unix_listening& operator=(const unix_listening&) = delete;
  ~unix_listening() { remove_file(); }

  /// Unless it is another's by now. To be called while the socket still listens: from its end on,
  /// a new server may replace the file at any moment.
  void remove_file() noexcept;
  descriptor take_socket() noexcept { return std::move(socket_); }

 private:
  unix_listening() = default;

  descriptor socket_;
  std::string file_;  // empty for an abstract name
  dev_t device_ = 0;
  ino_t inode_ = 0;
};

}  // namespace duplex::net
