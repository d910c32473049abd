// A load generator for echo servers: many connections, each with a number of messages in flight.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <vector>

/// What travels: `size` payload bytes in masked frames, over `connections`, `in_flight` on each.
struct echo_work {
  std::size_t size = 20;
  int connections = 1;
  int in_flight = 20;
};

/// What a run cost and gave.
struct echo_result {
  double cpu_us = 0;  ///< server CPU per message, microseconds (user + system)
  double rate = 0;    ///< messages per second
  std::size_t echoed = 0;
};

/// A server under load. With `websocket`, connections open with a handshake and the server's frames
/// come back; without, the same bytes come back as they are.
class echo_load {
 public:
  echo_load(std::uint16_t port, pid_t server, const echo_work& work, bool websocket);
  ~echo_load();
  echo_load(const echo_load&) = delete;
  echo_load& operator=(const echo_load&) = delete;

  /// Keeps the load up for so long and measures; exits the program where an echo is wrong.
  echo_result run(double seconds);

 private:
  struct client {
    int socket = -1;
    std::size_t received = 0;  // bytes of the echo at the head of the line
    int waiting = 0;           // messages sent and not echoed
    std::size_t unsent = 0;    // bytes of the last message(s) the socket did not take
  };

  void open(client& each, std::uint16_t port, bool websocket);
  void receive(client& each);
  void top_up(client& each);

  std::vector<client> clients_;
  std::vector<char> frames_;  // in_flight messages in a row
  std::vector<char> input_;
  echo_work work_;
  pid_t server_;
  std::size_t frame_size_ = 0, echo_size_ = 0;
  std::size_t echoed_ = 0;
  std::vector<char> expected_head_;
  int epoll_ = -1;
};
