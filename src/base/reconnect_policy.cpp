// Which failures may pass, and the waits between attempts.
#include "base/reconnect_policy.hpp"

#include <algorithm>
#include <array>
#include <charconv>
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

// With the fewest digits that give the number again.
std::string to_text(double number) {
  std::array<char, 32> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
  return {digits.data(), end};
}

std::string to_text(duration time) {
  return to_text(std::chrono::duration<double>(time).count()) + "s";
}

std::string in_seconds(duration time) {
  std::array<char, 32> text;
  std::snprintf(text.data(), text.size(), "%.1f", std::chrono::duration<double>(time).count());
  return text.data();
}

void require_no_less_than_zero(const char* option, const std::optional<duration>& value) {
  if (!value || *value >= duration::zero()) return;
  throw std::invalid_argument(std::string(option) + " must be no less than 0, got " +
                              to_text(*value));
}

void require_order(const char* option, const std::optional<duration>& value,
                   const std::optional<duration>& max_delay) {
  if (!value || !max_delay || *value <= *max_delay) return;
  throw std::invalid_argument(std::string(option) + " must be no more than max_delay, got " +
                              to_text(*value) + " and " + to_text(*max_delay));
}

void validate(const reconnect_options& options) {
  require_no_less_than_zero("initial_delay", options.initial_delay);
  require_no_less_than_zero("min_delay", options.min_delay);
  require_no_less_than_zero("max_delay", options.max_delay);
  require_order("initial_delay", options.initial_delay, options.max_delay);
  require_order("min_delay", options.min_delay, options.max_delay);
  if (options.factor && !(*options.factor >= 1 && *options.factor <= 1'000'000)) {
    throw std::invalid_argument("factor must be 1 to 1000000, got " + to_text(*options.factor));
  }
  if (!options.process_exception) {
    throw std::invalid_argument("process_exception must be a function, got an empty one");
  }
}

duration chosen(const std::optional<duration>& value, environment::seconds otherwise) {
  return value.value_or(std::chrono::duration_cast<duration>(otherwise));
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
    : process_exception_(options.process_exception),
      logger_(std::move(logger)),
      random_(std::move(random)),
      initial_(chosen(options.initial_delay, defaults.backoff_initial_delay)),
      min_(chosen(options.min_delay, defaults.backoff_min_delay)),
      max_(chosen(options.max_delay, defaults.backoff_max_delay)),
      factor_(options.factor.value_or(defaults.backoff_factor)) {
  validate(options);
  // A default gives way to what the options say.
  if (!options.max_delay) {
    max_ = std::max({max_, options.initial_delay.value_or(max_), options.min_delay.value_or(max_)});
  }
  initial_ = std::min(initial_, max_);
  min_ = std::min(min_, max_);
  delay_ = min_;
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
    throw timeout("reconnecting timed out" + (problem ? ": " + text_of(problem) : ""));
  }
}

// A server that accepts and closes at once has not recovered: its clients must not come back all
// the faster.
std::optional<duration> reconnect_policy::delay_after_success(limit::clock::time_point now) {
  if (!opened_) return std::nullopt;
  const duration lasted = now - *std::exchange(opened_, std::nullopt);
  if (lasted >= std::max(min_, last_)) {
    attempts_failed_ = 0;
    last_ = duration::zero();
    return std::nullopt;
  }
  const duration delay = next_delay();
  write_log(*logger_, log_level::info,
            "connection ended after " + in_seconds(lasted) + " seconds; reconnecting in " +
                in_seconds(delay) + " seconds");
  return delay;
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
    return last_ = std::chrono::duration_cast<duration>(initial_ * random_());
  }
  last_ = delay_;
  const auto next = std::chrono::duration<double>(delay_) * factor_;
  delay_ = next < max_ ? std::chrono::duration_cast<duration>(next) : max_;
  return last_;
}

}  // namespace duplex::detail
