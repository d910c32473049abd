// Messages received and not yet taken, with the marks at which reading pauses and goes on.
#pragma once

#include <cstddef>
#include <limits>
#include <optional>
#include <vector>

#include <duplex/message.hpp>

namespace duplex {

/// A high and a low mark: what grows above the first pauses, and goes on at the second.
/// Converts from one number (the low mark is a quarter of it) and from nullopt: no limit.
class water_marks {
 public:
  /// What nullopt stands for: more than there can be, and no negative number turned into a size.
  static constexpr std::size_t unlimited = std::numeric_limits<std::ptrdiff_t>::max();

  constexpr water_marks(std::size_t high) noexcept : high_(high), low_(high / 4) {}  // NOLINT
  constexpr water_marks(std::size_t high, std::size_t low) noexcept : high_(high), low_(low) {}
  constexpr water_marks(std::nullopt_t) noexcept : high_(unlimited), low_(unlimited) {}  // NOLINT

  constexpr std::size_t high() const noexcept { return high_; }
  constexpr std::size_t low() const noexcept { return low_; }

 private:
  std::size_t high_, low_;
};

/// A queue of messages and the decision when to read on.
///
/// It is full at `bytes_max` bytes, or at the high mark of messages once `look_ahead` bytes came on
/// top of it: small messages beyond the mark are still read so that the pings and closes behind
/// them are seen, and a slow application never costs it a healthy connection.
class inbox {
 public:
  inbox(water_marks messages, std::size_t bytes_max, std::size_t look_ahead) noexcept
      : marks_(messages), bytes_max_(bytes_max), look_ahead_(look_ahead) {}

  /// An empty one of the same limits.
  inbox fresh() const noexcept { return {marks_, bytes_max_, look_ahead_}; }

  bool empty() const noexcept { return count_ == 0; }
  std::size_t size() const noexcept { return count_; }
  std::size_t bytes() const noexcept { return bytes_; }
  /// Reading should pause, or stay paused until the low mark is reached.
  bool paused() const noexcept { return paused_; }

  void push(message message);
  /// The oldest message. Only where there is one.
  message pop();

 private:
  static std::size_t cost(const message& message) noexcept {
    return message.size() + sizeof(duplex::message);
  }
  void grow();

  std::vector<message> ring_;  // its size is a power of two, or zero
  std::size_t first_ = 0, count_ = 0;
  std::size_t bytes_ = 0, beyond_ = 0;  // beyond_: bytes that came above the high mark
  water_marks marks_;
  std::size_t bytes_max_, look_ahead_;
  bool paused_ = false;
};

}  // namespace duplex
