// System calls on a connected socket, for threads that may block in them.
#pragma once

#include <poll.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <optional>
#include <span>

#include "net/descriptor.hpp"
#include "net/error.hpp"

namespace duplex::sync {

using clock = std::chrono::steady_clock;
using net::descriptor;
using net::throw_system_error;

/// A descriptor that one thread makes readable to wake another out of `poll`.
class wake_event {
 public:
  /// Throws std::system_error where there is none left.
  wake_event();
  int number() const noexcept { return descriptor_.number(); }
  void set() const noexcept;
  void clear() const noexcept;

 private:
  descriptor descriptor_;
};

/// What became of a read or a write.
struct transfer {
  std::size_t count = 0;
  bool ended = false;  ///< the peer's end, or the connection broke
};

enum class waiting : bool { no, yes };

/// Reads what there is; `waiting::yes` waits for it, for as long as `set_receive_timeout` said.
transfer read_some(int socket, std::span<std::byte> to, waiting wait) noexcept;
/// Writes as much as the system takes at once.
transfer write_some(int socket, const std::array<std::span<const std::byte>, 2>& bytes) noexcept;
/// Bounds the reads that wait; zero: no bound.
void set_receive_timeout(int socket, std::chrono::milliseconds timeout) noexcept;
/// Ends both directions: a thread that waits in a read returns, what has come can still be read.
void shut_down(int socket) noexcept;
/// Lets the close of the socket be a reset.
void reset_at_close(int socket) noexcept;

/// Waits for one of the events or the deadline. A signal may end the wait early.
void wait_for_events(std::span<pollfd> events, std::optional<clock::time_point> deadline) noexcept;

}  // namespace duplex::sync
