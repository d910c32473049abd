// Lines for a file that may be a pipe whose reader stands still, written without waiting for it.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace duplex::speech {

/// Writes lines to a file descriptor on a thread of its own. Thread-safe.
///
/// Where the reader does not keep up, lines wait until they are too many; the next are dropped and
/// counted, whole.
class line_writer {
 public:
  /// Writes to a duplicate of `file`. `most`: bytes that wait. Throws std::system_error where there
  /// is no descriptor or thread left.
  explicit line_writer(int file, std::size_t most = std::size_t{1} << 20);
  /// Waits for what is unwritten, a second at most; a reader that stands still keeps nobody.
  ~line_writer();
  line_writer(const line_writer&) = delete;
  line_writer& operator=(const line_writer&) = delete;

  /// One line, without its end.
  void write(std::string line);
  std::uint64_t dropped() const;

 private:
  struct state;
  std::shared_ptr<state> state_;  // the thread's too, which may outlive this in a blocked write
};

}  // namespace duplex::speech
