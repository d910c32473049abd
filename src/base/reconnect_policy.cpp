// Which failures may pass, and the waits between attempts.
#include "base/reconnect_policy.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <random>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>

#include <duplex/error.hpp>

namespace duplex {

std::exception_ptr process_exception(std::exception_ptr problem) {
  try {
    std::rethrow_exception(problem);
  } catch (const std::system_error&) {
    return nullptr;
  } catch (const timeout&) {
    return nullptr;
  } catch (const invalid_message& failure) {
    return failure.ended() ? nullptr : problem;
  } catch (const invalid_status& failure) {
    return detail::is_transient_status(failure.response().status) ? nullptr : problem;
  } catch (const proxy_error& failure) {
    return failure.transient() ? nullptr : problem;
  } catch (...) {
    return problem;
  }
}

}  // namespace duplex

namespace duplex::detail {
namespace {

using duration = reconnect_policy::duration;

duration chosen(const char* option, const std::optional<duration>& value,
                environment::seconds otherwise) {
  if (value && *value < duration::zero()) {
    throw std::invalid_argument(std::string(option) + " must not be negative");
  }
  return value.value_or(std::chrono::duration_cast<duration>(otherwise));
}

std::string in_seconds(duration time) {
  std::array<char, 32> text;
  std::snprintf(text.data(), text.size(), "%.1f", std::chrono::duration<double>(time).count());
  return text.data();
}

std::string text_of(const std::exception_ptr& problem) {
  try {
    std::rethrow_exception(problem);
  } catch (const std::exception& failure) {
    return failure.what();
  } catch (...) {
    return "an unknown exception";
  }
}

}  // namespace

reconnect_policy::random_number reconnect_policy::system_random_number() {
  return [generator = std::mt19937(std::random_device()())]() mutable {
    return std::uniform_real_distribution<double>(0, 1)(generator);
  };
}

reconnect_policy::reconnect_policy(reconnect_options options, std::shared_ptr<const logger> logger,
                                   const environment& defaults, random_number random)
    : process_exception_(std::move(options.process_exception)),
      logger_(std::move(logger)),
      random_(std::move(random)),
      initial_(chosen("initial_delay", options.initial_delay, defaults.backoff_initial_delay)),
      min_(chosen("min_delay", options.min_delay, defaults.backoff_min_delay)),
      max_(chosen("max_delay", options.max_delay, defaults.backoff_max_delay)),
      delay_(min_),
      factor_(options.factor.value_or(defaults.backoff_factor)) {
  if (!process_exception_) throw std::invalid_argument("process_exception must be a function");
  if (!(factor_ >= 1 && factor_ <= 1'000'000)) {
    throw std::invalid_argument("factor must be 1 to 1000000, got " + std::to_string(factor_));
  }
}

limit reconnect_policy::attempt_limit(const limit& whole,
                                      const std::optional<duration>& open_timeout) {
  if (!open_timeout) return whole;
  const limit attempt(*open_timeout, whole.token());
  const bool whole_is_first =
      whole.deadline() && (!attempt.deadline() || *whole.deadline() < *attempt.deadline());
  return whole_is_first ? whole : attempt;
}

void reconnect_policy::check(const std::exception_ptr& problem, const limit& whole) {
  if (whole.token().stop_requested()) {
    throw std::system_error(std::make_error_code(std::errc::operation_canceled), "reconnecting");
  }
  if (whole.deadline() && limit::clock::now() >= *whole.deadline()) {
    throw timeout("reconnecting timed out: " + text_of(problem));
  }
}

duration reconnect_policy::failed(std::exception_ptr problem, const limit& whole) {
  check(problem, whole);
  if (const auto fatal = process_exception_(problem)) std::rethrow_exception(fatal);
  const duration delay = next_delay();
  write_log(
      *logger_, log_level::info,
      "connect failed; reconnecting in " + in_seconds(delay) + " seconds: " + text_of(problem));
  return delay;
}

duration reconnect_policy::next_delay() {
  if (attempts_failed_++ == 0) {
    delay_ = min_;
    return std::chrono::duration_cast<duration>(initial_ * random_());
  }
  const duration delay = std::min(delay_, max_);
  const auto next = std::chrono::duration<double>(delay) * factor_;
  delay_ = next < max_ ? std::chrono::duration_cast<duration>(next) : max_;
  return delay;
}

}  // namespace duplex::detail
