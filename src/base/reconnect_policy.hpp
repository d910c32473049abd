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

  void succeeded() noexcept { attempts_failed_ = 0; }
  /// How long to wait after a failed attempt. Throws where there shall be no other: because of the
  /// failure, or of the limit.
  duration failed(std::exception_ptr problem, const limit& whole);
  /// Throws where the limit leaves no time for another attempt after the failed one.
  static void check(const std::exception_ptr& problem, const limit& whole);

 private:
  static random_number system_random_number();
  duration next_delay();

  std::function<std::exception_ptr(std::exception_ptr)> process_exception_;
  std::shared_ptr<const logger> logger_;
  random_number random_;
  duration initial_, min_, max_, delay_;
  double factor_;
  unsigned attempts_failed_ = 0;
};

}  // namespace duplex::detail
