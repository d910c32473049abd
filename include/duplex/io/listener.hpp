// Listening sockets of a loop.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <vector>

#include <duplex/io/address.hpp>
#include <duplex/io/stream.hpp>

namespace duplex::io {

/// A listening socket.
class listener {
 public:
  using accepted = std::function<void(std::unique_ptr<stream>)>;

  virtual ~listener() = default;  // closes
  /// Calls `accepted`, which must not throw but may destroy the listener, for each connection that
  /// comes, or has come since it listens. Running out of descriptors (EMFILE, ENFILE, ENOBUFS,
  /// ENOMEM) pauses accepting for a moment; nothing is lost.
  virtual void start(accepted) = 0;
  /// Leaves who comes in the system's queue.
  virtual void stop() = 0;
  virtual address local_address() const = 0;
};

/// Takes over listening sockets, of TCP or unix sockets, made elsewhere, whatever happens then.
/// Throws std::invalid_argument, and leaves them all alone, where one is none or is there twice.
/// The file of a unix socket is left to who made it.
std::vector<std::unique_ptr<listener>> adopt_listeners(std::span<const int> sockets);

}  // namespace duplex::io
