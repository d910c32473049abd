// The queue of bytes to be written.
#include <duplex/protocol/outbox.hpp>

#include <algorithm>
#include <cassert>
#include <cstring>

namespace duplex::protocol {
namespace {

constexpr std::size_t small_block = 4 * 1024;
constexpr std::size_t large_block = 128 * 1024;

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
  hold();
  if (written_ != 0) drop_written();
  return std::move(owned_);
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
  const std::size_t owned = std::min(count, owned_.size() - written_);
  written_ += owned;
  lent_ = lent_.subspan(count - owned);
  if (written_ == owned_.size()) {
    owned_.release();
    written_ = 0;
  }
}

}  // namespace duplex::protocol
