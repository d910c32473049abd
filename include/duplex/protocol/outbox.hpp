// Bytes that wait to be written, in order: owned, shared with other queues, or lent by their owner.
#pragma once

#include <array>
#include <cstddef>
#include <list>
#include <memory>
#include <span>

#include <duplex/buffer.hpp>

namespace duplex::protocol {

/// Bytes that several queues hold at once, and nobody changes.
using shared_bytes = std::shared_ptr<const buffer>;

/// A queue of bytes: shared blocks with owned bytes before each, an owned part, then at most one
/// lent span.
class outbox {
 public:
  std::size_t size() const noexcept {
    return owned_.size() - written_ + lent_.size() + shared_size_;
  }
  bool empty() const noexcept { return size() == 0; }

  /// Room for `count` bytes at the end, to be filled by the caller. Holds what was lent.
  std::byte* extend(std::size_t count) {
    const bool fits = count <= owned_.capacity() - owned_.size();
    if (!fits || !lent_.empty() || written_ > owned_.size() / 2) make_room(count);
    return owned_.extend(count);
  }
  void append(std::span<const std::byte> bytes);
  /// Puts a span at the end without a copy; it must live until written or `hold`.
  void lend(std::span<const std::byte> bytes);
  /// Copies what is left of the lent span.
  void hold();
  /// Puts a block at the end without a copy. Holds what was lent.
  void share(shared_bytes bytes);

  /// What is to be written next; good until the outbox changes.
  std::array<std::span<const std::byte>, 2> pending() const noexcept {
    if (shared_size_ != 0) return pending_shared();
    return {owned_.bytes().subspan(written_), lent_};
  }
  /// The first `count` bytes are gone. An empty outbox keeps no memory.
  void consume(std::size_t count);
  /// Gives bytes away from the front, what is lent as a copy: all of them, or where some are shared
  /// no more than a small piece is copied of those.
  buffer take();

 private:
  // A shared block and what was queued between the one before and it.
  struct shared_part {
    buffer before = {};
    std::size_t before_written = 0;
    shared_bytes bytes = {};
    std::size_t bytes_written = 0;
  };

  std::array<std::span<const std::byte>, 2> pending_shared() const noexcept;
  std::size_t consume_shared(std::size_t count);
  buffer take_shared();
  void make_room(std::size_t count);
  void drop_written();

  buffer owned_;
  std::size_t written_ = 0;  // of owned_
  std::span<const std::byte> lent_;
  std::list<shared_part> shared_;  // in front of all that
  std::size_t shared_size_ = 0;    // bytes left in it
};

}  // namespace duplex::protocol
