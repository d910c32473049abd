// How long a wait may last: a deadline, a stop token, both or neither.
#pragma once

#include <chrono>
#include <optional>
#include <stop_token>
#include <utility>

namespace duplex {

/// The limit of a waiting operation. Converts from a duration (from now), a time point of the
/// steady clock, and a std::stop_token, so that `recv(500ms)` and `recv(token)` say it all.
/// A wait past its deadline throws duplex::timeout; a stopped one throws std::system_error with
/// std::errc::operation_canceled. Neither harms what was waited on.
class limit {
 public:
  using clock = std::chrono::steady_clock;

  limit() noexcept = default;
  /// A hundred years or more are no deadline, so that `milliseconds::max()` overflows nothing.
  template <class Rep, class Period>
  limit(std::chrono::duration<Rep, Period> from_now) {  // NOLINT: implicit by design
    if (from_now < std::chrono::hours(24 * 365 * 100)) {
      deadline_ = clock::now() + std::chrono::duration_cast<clock::duration>(from_now);
    }
  }
  limit(clock::time_point deadline) noexcept : deadline_(deadline) {}  // NOLINT
  limit(std::stop_token token) noexcept : token_(std::move(token)) {}  // NOLINT
  template <class Time>
  limit(Time time, std::stop_token token) : limit(time) {
    token_ = std::move(token);
  }

  const std::optional<clock::time_point>& deadline() const noexcept { return deadline_; }
  const std::stop_token& token() const noexcept { return token_; }

 private:
  std::optional<clock::time_point> deadline_;
  std::stop_token token_;
};

}  // namespace duplex
