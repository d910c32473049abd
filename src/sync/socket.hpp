// System calls on a connected socket, for threads that may block in them.
#pragma once

#include <poll.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include <duplex/io/address.hpp>

namespace duplex::sync {

using clock = std::chrono::steady_clock;

/// Owns a file descriptor; -1 is none.
class descriptor {
 public:
  descriptor() noexcept = default;
  explicit descriptor(int number) noexcept : number_(number) {}
  descriptor(descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  descriptor& operator=(descriptor&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }
  ~descriptor() { close(); }

  int number() const noexcept { return number_; }
  explicit operator bool() const noexcept { return number_ >= 0; }
  void close() noexcept;

 private:
  int number_ = -1;
};

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

address local_address_of(int socket);
address remote_address_of(int socket);

/// Throws std::system_error: `doing`, then what the system says.
[[noreturn]] void throw_system_error(int error, const std::string& doing);

}  // namespace duplex::sync
