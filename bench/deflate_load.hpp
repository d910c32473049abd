// A load of compressed messages for echo servers.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <memory>

/// What a run cost and gave.
struct deflate_result {
  double cpu_us = 0;  ///< server CPU per message, microseconds (user + system)
  double bytes = 0;   ///< of a compressed message as the server sent it, its frame's header too
  std::size_t echoed = 0;
};

/// Connections with permessage-deflate and context takeover, each with a number of messages in
/// flight. Exits the program where a server does not agree to compress, or an echo is wrong.
class deflate_load {
 public:
  deflate_load(std::uint16_t port, pid_t server, int connections, int in_flight);
  ~deflate_load();

  deflate_result run(double seconds);

 private:
  class client;
  struct state;
  std::unique_ptr<state> state_;
};
