// The queue of bytes to be written.
#include <duplex/protocol/outbox.hpp>

#include <algorithm>
#include <cassert>
#include <cstring>

namespace duplex::protocol {
namespace {

constexpr std::size_t small_block = 4 * 1024;
constexpr std::size_t large_block = 128 * 1024;

// What is copied of a shared block for a socket that is full: it has room for more than this when
// it asks for the rest, which then leaves from where it is.
constexpr std::size_t shared_piece = 16 * 1024;

}  // namespace

void outbox::make_room(std::size_t count) {
  hold();
  // What is written goes when it is most of the block, so that moving costs less than writing did
  // and an outbox that never gets empty does not grow.
  if (written_ > owned_.size() / 2) drop_written();
  // A batch of answers grows in two steps, not by doubling from the first.
  if (const auto size = owned_.size() + count; size > owned_.capacity()) {
    owned_.reserve(size <= small_block ? small_block
                                       : std::max({size, large_block, 2 * owned_.capacity()}));
  }
}

void outbox::drop_written() {
  const std::size_t left = owned_.size() - written_;
  if (left != 0) std::memmove(owned_.data(), owned_.data() + written_, left);
  owned_.truncate(left);
  written_ = 0;
}

buffer outbox::take() {
  if (shared_size_ != 0) return take_shared();
  hold();
  if (written_ != 0) drop_written();
  return std::move(owned_);
}

void outbox::share(shared_bytes bytes) {
  if (bytes->empty()) return;
  hold();
  shared_part part{.before_written = written_, .bytes = std::move(bytes)};
  shared_size_ += owned_.size() - written_ + part.bytes->size();
  part.before = std::move(owned_);
  written_ = 0;
  shared_.push_back(std::move(part));
}

std::array<std::span<const std::byte>, 2> outbox::pending_shared() const noexcept {
  const shared_part& front = shared_.front();
  return {front.before.bytes().subspan(front.before_written),
          front.bytes->bytes().subspan(front.bytes_written)};
}

// Gives how many bytes are left to be consumed of what comes behind.
std::size_t outbox::consume_shared(std::size_t count) {
  while (count != 0 && !shared_.empty()) {
    shared_part& front = shared_.front();
    const std::size_t before = std::min(count, front.before.size() - front.before_written);
    front.before_written += before;
    const std::size_t bytes = std::min(count - before, front.bytes->size() - front.bytes_written);
    front.bytes_written += bytes;
    shared_size_ -= before + bytes;
    count -= before + bytes;
    if (front.bytes_written == front.bytes->size()) shared_.pop_front();
  }
  return count;
}

buffer outbox::take_shared() {
  const auto [before, bytes] = pending_shared();
  buffer taken(before.empty() ? bytes.first(std::min(bytes.size(), shared_piece)) : before);
  consume_shared(taken.size());
  return taken;
}

void outbox::append(std::span<const std::byte> bytes) {
  if (!bytes.empty()) std::memcpy(extend(bytes.size()), bytes.data(), bytes.size());
}

void outbox::lend(std::span<const std::byte> bytes) {
  hold();
  lent_ = bytes;
}

void outbox::hold() {
  if (lent_.empty()) return;
  const auto bytes = lent_;
  lent_ = {};
  append(bytes);
}

void outbox::consume(std::size_t count) {
  assert(count <= size());
  if (shared_size_ != 0) count = consume_shared(count);
  const std::size_t owned = std::min(count, owned_.size() - written_);
  written_ += owned;
  lent_ = lent_.subspan(count - owned);
  if (written_ == owned_.size()) {
    owned_.release();
    written_ = 0;
  }
}

}  // namespace duplex::protocol
