// Bytes that wait to be written, in order, the last of them possibly lent by their owner.
#pragma once

#include <array>
#include <cstddef>
#include <span>

#include <duplex/buffer.hpp>

namespace duplex::protocol {

/// A queue of bytes: an owned part, then at most one lent span.
class outbox {
 public:
  std::size_t size() const noexcept { return owned_.size() - written_ + lent_.size(); }
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

  /// What is to be written next; good until the outbox changes.
  std::array<std::span<const std::byte>, 2> pending() const noexcept {
    return {owned_.bytes().subspan(written_), lent_};
  }
  /// The first `count` bytes are gone. An empty outbox keeps no memory.
  void consume(std::size_t count);
  /// Gives all bytes away, what is lent as a copy.
  buffer take();

 private:
  void make_room(std::size_t count);
  void drop_written();

  buffer owned_;
  std::size_t written_ = 0;  // of owned_
  std::span<const std::byte> lent_;
};

}  // namespace duplex::protocol
