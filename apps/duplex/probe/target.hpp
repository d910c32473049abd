// The server that is probed: where it is, how to ask it for a connection, and what it can do.
#pragma once

#include <sys/socket.h>

#include <chrono>
#include <cstddef>
#include <duplex/protocol/handshake.hpp>
#include <duplex/uri.hpp>
#include <optional>
#include <string>
#include <vector>

#include "probe/tls.hpp"

namespace duplex::probe {

using clock = std::chrono::steady_clock;
using time_point = clock::time_point;

struct socket_address {
  sockaddr_storage storage = {};
  socklen_t size = 0;
};

/// The addresses of the URI's host. Throws std::runtime_error where it has none.
std::vector<socket_address> resolve(const uri& uri);

struct target {
  duplex::uri uri;
  protocol::client_handshake_settings settings = {};
  std::vector<socket_address> addresses = {};
  tls_context tls = {};  ///< where the URI is one of wss
  /// Bounds each case; cases with much to send have a multiple of it.
  std::chrono::milliseconds timeout = std::chrono::seconds(4);
  /// The largest message the server takes, where it was told.
  std::optional<std::size_t> max_size = {};

  // What `discover` found.
  bool echoes = false;
  bool compresses = false;
  std::string software = {};  ///< its Server header

  /// How long a server may take for what it should do at once.
  std::chrono::milliseconds moment() const { return timeout / 2; }
};

}  // namespace duplex::probe
