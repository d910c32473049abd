// Whether to connect again, and after how long; without a clock.
#pragma once

#include <chrono>
#include <exception>
#include <functional>
#include <memory>
#include <optional>

#include <duplex/coro/limit.hpp>
#include <duplex/log.hpp>
#include <duplex/reconnect_options.hpp>

#include "base/environment.hpp"

namespace duplex::detail {

/// What both kinds of `reconnecting` do between two attempts.
class reconnect_policy {
 public:
  using duration = reconnect_options::duration;
  /// From 0 up to 1, without it.
  using random_number = std::function<double()>;

  /// Throws std::invalid_argument for options that make no sense.
  reconnect_policy(reconnect_options options, std::shared_ptr<const logger> logger,
                   const environment& defaults = process_environment(),
                   random_number random = system_random_number());

  /// The limit of an attempt that starts now.
  static limit attempt_limit(const limit& whole, const std::optional<duration>& open_timeout);

  /// A connection has opened.
  void succeeded(limit::clock::time_point now) noexcept { opened_ = now; }
  /// How long to wait for the connection after the one that has opened, if that ended too soon to
  /// say that all is well again.
  std::optional<duration> delay_after_success(limit::clock::time_point now);
  /// How long to wait after a failed attempt. Throws where there shall be no other: because of the
  /// failure, or of the limit.
  duration failed(std::exception_ptr problem, const limit& whole);
  /// Throws where the limit leaves no time for another attempt, after the failed one if any.
  static void check(const std::exception_ptr& problem, const limit& whole);

 private:
  static random_number system_random_number();
  duration next_delay();

  std::function<std::exception_ptr(std::exception_ptr)> process_exception_;
  std::shared_ptr<const logger> logger_;
  random_number random_;
  duration initial_, min_, max_;
  duration delay_;                    // the second wait of a row and all that follow
  duration last_ = duration::zero();  // the wait before the last attempt
  std::optional<limit::clock::time_point> opened_;
  double factor_;
  unsigned attempts_failed_ = 0;
};

}  // namespace duplex::detail
