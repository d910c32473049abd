// Messages received in fragments, between the core that tells them and an application that takes
// its time.
#pragma once

#include <cstddef>
#include <deque>
#include <duplex/buffer.hpp>
#include <duplex/inbox.hpp>
#include <duplex/message.hpp>
#include <optional>

namespace duplex::detail {

/// A queue of fragments. Someone takes one message after the other, each to its end or until it is
/// given up: what still comes of it is skipped then.
class fragment_queue {
 public:
  explicit fragment_queue(std::size_t bytes_max) noexcept : bytes_max_(bytes_max) {}

  bool empty() const noexcept { return parts_.empty(); }
  /// Reading should pause.
  bool full() const noexcept { return bytes_ >= bytes_max_; }
  /// Payload that waits, and ends of messages.
  std::size_t payload_bytes() const noexcept { return bytes_ - parts_.size() * sizeof(part); }
  std::size_t messages() const noexcept { return messages_; }
  /// Someone has begun to take a message and is not at its end.
  bool taken() const noexcept { return taken_; }
  /// The message that comes now was given up.
  bool skipping() const noexcept { return skipping_; }
  /// Nothing that comes is kept any more.
  bool cut() const noexcept { return cut_; }

  /// The next fragment. Once the connection has started to close, an application that takes nothing
  /// loses what is beyond the limit instead of missing the peer's close frame.
  void add(message fragment, bool last, bool closing);
  /// The type of the message at the front, which is taken from now on. Only where there is one.
  message::type begin() noexcept;
  /// The next fragment of it; nullopt where its end alone was there. Only where there is one.
  std::optional<message> take();
  /// Gives up the message that is being taken, if one is.
  void skip() noexcept;
  /// Moves whole messages to an inbox and gives what has come of the one behind them.
  buffer move_to(inbox& whole);

 private:
  struct part {
    message payload;
    bool last;
  };
  part pop() noexcept;

  std::deque<part> parts_;
  std::size_t bytes_ = 0, bytes_max_, messages_ = 0;
  bool taken_ = false, skipping_ = false, cut_ = false;
};

}  // namespace duplex::detail
