// Flow control of a session: audio that arrived, audio that is done with, and what lies between.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

#include "speech/audio/pcm_format.hpp"

namespace duplex::speech {

/// How much audio may wait to be processed.
struct window_limits {
  std::chrono::milliseconds window{20'000};        ///< What clients are asked to keep to.
  std::chrono::milliseconds cap{60'000};           ///< What is taken of those that do not.
  std::int64_t cap_bytes = std::int64_t{8} << 20;  ///< Both shrink where the cap would be more.
};

/// Positions are bytes from the start of the session.
class audio_window {
 public:
  audio_window(const pcm_format& format, const window_limits& limits);

  std::int64_t received() const { return received_; }
  std::int64_t processed() const { return processed_; }
  std::int64_t waiting() const { return received_ - processed_; }

  std::int64_t window_bytes() const { return window_; }
  std::chrono::milliseconds window() const { return to_time(window_); }

  /// Beyond what clients are asked to keep to.
  bool is_full() const { return waiting() > window_; }
  std::int64_t beyond() const { return std::max(waiting() - window_, std::int64_t{0}); }
  /// So near to it that the client may be waiting for the server.
  bool is_half_full() const { return 2 * waiting() > window_; }
  bool is_near_cap() const { return 2 * waiting() > window_ + cap_; }
  bool is_over_cap() const { return waiting() > cap_; }
  /// Audio that may still come until it is.
  std::chrono::milliseconds time_to_cap() const { return to_time(cap_ - waiting()); }

  void receive(std::int64_t bytes) { received_ += bytes; }
  /// So many bytes from the start are done with.
  void process(std::int64_t bytes) { processed_ = std::clamp(bytes, processed_, received_); }

  /// How long that many bytes are; with `auto`, which may turn out to be anything, at least.
  std::chrono::milliseconds to_time(std::int64_t bytes) const {
    return std::chrono::milliseconds(bytes * 1000 / bytes_a_second_);
  }

 private:
  std::int64_t bytes_a_second_;
  std::int64_t window_;
  std::int64_t cap_;
  std::int64_t received_ = 0;
  std::int64_t processed_ = 0;
};

}  // namespace duplex::speech
