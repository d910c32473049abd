// A transport as a handshake reads and writes it: blocking, within a deadline.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "sync/transport.hpp"

namespace duplex::sync {

/// Reads and writes a transport in the calling thread. `doing` says in errors what for, as in
/// "opening handshake with localhost port 8765".
class transport_reader {
 public:
  transport_reader(transport& transport, std::string doing,
                   std::optional<clock::time_point> deadline)
      : transport_(transport), doing_(std::move(doing)), deadline_(deadline) {}

  /// Takes bytes to be written while `read_some` waits: an answer may come before all of them have
  /// left.
  void write(std::string_view bytes) { unsent_ += bytes; }
  /// The next bytes, valid until the next call; empty at the end of the stream. Throws
  /// std::system_error where the transport knows why it ended, duplex::timeout past the deadline.
  std::span<const std::byte> read_some();

 private:
  void write_now();

  transport& transport_;
  std::string doing_;
  std::optional<clock::time_point> deadline_;
  std::string unsent_;
  std::array<std::byte, 4096> space_;
};

}  // namespace duplex::sync
