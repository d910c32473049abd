// The byte stream below a blocking connection: a plain socket, or TLS over another transport.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <memory>
#include <span>
#include <system_error>

#include <duplex/tls.hpp>

#include "sync/socket.hpp"

namespace duplex::sync {

/// A connected byte stream that does what it can at once.
///
/// What it promises beyond a socket: it may hold input although its descriptor is not readable
/// (`has_input`), and output that it has taken but the system has not (`unsent`). Who waits,
/// waits for nothing where there is input, and for room where there is output.
///
/// Calls are made by one thread at a time, but for `wait_and_read` and `descriptor`.
class transport {
 public:
  virtual ~transport() = default;  ///< closes, at once

  /// What to poll; -1 once closed.
  virtual int descriptor() const noexcept = 0;

  /// Reads what there is.
  virtual transfer read_some(std::span<std::byte> to) noexcept = 0;
  /// Takes what it can of the bytes, once the output it holds has left; with no bytes it only
  /// tries that.
  virtual transfer write_some(const std::array<std::span<const std::byte>, 2>& bytes) noexcept = 0;

  /// Whether a read goes on, to bytes or the end, whatever the descriptor says.
  virtual bool has_input() const noexcept { return false; }
  /// Bytes of output that it holds itself.
  virtual std::size_t unsent() const noexcept { return 0; }
  bool has_output() const noexcept { return unsent() != 0; }

  /// Whether one thread may wait in a read while another writes.
  virtual bool can_wait() const noexcept { return false; }
  /// Reads as soon as there is something; nothing at the timeout, of which zero is none. Only where
  /// `can_wait`, and by one thread at a time.
  virtual transfer wait_and_read(std::span<std::byte> to,
                                 std::chrono::milliseconds timeout) noexcept;

  /// Why it ended, where that is known.
  virtual std::error_code error() const noexcept { return {}; }
  /// What TLS agreed on; nullptr: there is none.
  virtual std::shared_ptr<const tls_info> tls() const { return nullptr; }

  /// Ends both directions: a thread that waits returns, what has come can still be read.
  virtual void shut_down() noexcept = 0;
  /// Lets the close be a reset.
  virtual void reset_at_close() noexcept = 0;
  virtual void close() noexcept = 0;
};

/// A transport that is the socket itself.
std::unique_ptr<transport> make_plain_transport(descriptor socket);
/// Takes over a connected socket made elsewhere. Throws std::invalid_argument, and leaves it alone,
/// where it is none.
std::unique_ptr<transport> adopt_transport(int socket);

}  // namespace duplex::sync
