// When to connect again, without a clock.
#include "base/reconnect_policy.hpp"

#include <gtest/gtest.h>

#include <string>
#include <system_error>
#include <vector>

#include <duplex/error.hpp>

namespace duplex::detail {
namespace {

using namespace std::chrono_literals;

template <class Error>
std::exception_ptr thrown(Error error) {
  return std::make_exception_ptr(std::move(error));
}

const std::exception_ptr refused =
    thrown(std::system_error(std::make_error_code(std::errc::connection_refused), "connecting"));

// A policy whose random number is a half, with its log.
struct with_log {
  explicit with_log(reconnect_options options = {}, environment variables = {})
      : policy(std::move(options), std::make_shared<logger>([this](const log_record& record) {
                 lines.push_back(std::string(to_string(record.level)) + ": " +
                                 std::string(record.message));
               }),
               variables, [] { return 0.5; }) {}

  double failed(const limit& whole = {}) {
    return std::chrono::duration<double>(policy.failed(refused, whole)).count();
  }

  std::vector<std::string> lines;
  reconnect_policy policy;
};

TEST(reconnect_policy, waits_longer_each_time_up_to_its_maximum) {
  with_log tested;
  EXPECT_NEAR(tested.failed(), 2.5, 1e-6);
  double expected = 3.1;
  for (int i = 0; i < 20; ++i) {
    EXPECT_NEAR(tested.failed(), std::min(expected, 90.0), 1e-6) << i;
    expected *= 1.618;
  }
}

TEST(reconnect_policy,
     waits_short_again_after_a_connection_that_lasted_as_long_as_the_wait_before) {
  with_log tested;
  for (int i = 0; i < 3; ++i) tested.failed();  // 2.5, 3.1 and 5.0 seconds
  const limit::clock::time_point start;
  tested.policy.succeeded(start);
  EXPECT_EQ(tested.policy.delay_after_success(start + 5100ms), std::nullopt);
  EXPECT_NEAR(tested.failed(), 2.5, 1e-6);
  EXPECT_NEAR(tested.failed(), 3.1, 1e-6);
}

TEST(reconnect_policy, waits_ever_longer_for_a_server_that_accepts_and_closes) {
  with_log tested;
  limit::clock::time_point now;
  for (const double expected : {2.5, 3.1, 5.0158, 8.11556}) {
    tested.policy.succeeded(now);
    now += 3s;
    const auto delay = tested.policy.delay_after_success(now);
    ASSERT_TRUE(delay);
    EXPECT_NEAR(std::chrono::duration<double>(*delay).count(), expected, 1e-4);
  }
  EXPECT_EQ(tested.lines[1],
            "info: connection ended after 3.0 seconds; reconnecting in 3.1 seconds");
  // After the wait of 8.1 seconds, 8 are not enough.
  tested.policy.succeeded(now);
  EXPECT_NE(tested.policy.delay_after_success(now + 8s), std::nullopt);
  tested.policy.succeeded(now);
  EXPECT_EQ(tested.policy.delay_after_success(now + 14s), std::nullopt);
}

TEST(reconnect_policy, waits_for_nothing_before_it_has_connected) {
  with_log tested;
  EXPECT_EQ(tested.policy.delay_after_success({}), std::nullopt);
  tested.policy.succeeded({});
  EXPECT_NE(tested.policy.delay_after_success({}), std::nullopt);
  EXPECT_EQ(tested.policy.delay_after_success({}), std::nullopt);  // it was for that one
}

TEST(reconnect_policy, waits_as_options_say_and_then_the_environment) {
  environment variables;
  variables.backoff_initial_delay = environment::seconds(1);
  variables.backoff_min_delay = environment::seconds(7);
  variables.backoff_max_delay = environment::seconds(20);
  variables.backoff_factor = 2;
  with_log set({}, variables);
  for (const double expected : {0.5, 7.0, 14.0, 20.0, 20.0})
    EXPECT_NEAR(set.failed(), expected, 1e-6);
  with_log chosen({.initial_delay = 4s, .min_delay = 1s, .max_delay = 5s, .factor = 3}, variables);
  for (const double expected : {2.0, 1.0, 3.0, 5.0, 5.0}) {
    EXPECT_NEAR(chosen.failed(), expected, 1e-6);
  }
}

TEST(reconnect_policy, logs_what_failed_and_how_long_it_waits) {
  with_log tested;
  tested.failed();
  EXPECT_EQ(tested.lines,
            (std::vector<std::string>{"info: connect failed; reconnecting in 2.5 seconds: "
                                      "connecting: Connection refused"}));
}

TEST(reconnect_policy, refuses_waits_that_make_no_sense) {
  const auto problem_of = [](reconnect_options options) -> std::string {
    try {
      with_log tested(std::move(options));
      return "none";
    } catch (const std::invalid_argument& problem) {
      return problem.what();
    }
  };
  EXPECT_EQ(problem_of({.initial_delay = -1s}), "initial_delay must be no less than 0, got -1s");
  EXPECT_EQ(problem_of({.min_delay = -1500ms}), "min_delay must be no less than 0, got -1.5s");
  EXPECT_EQ(problem_of({.max_delay = -1s}), "max_delay must be no less than 0, got -1s");
  EXPECT_EQ(problem_of({.min_delay = 5s, .max_delay = 1s}),
            "min_delay must be no more than max_delay, got 5s and 1s");
  EXPECT_EQ(problem_of({.initial_delay = 5s, .max_delay = 500ms}),
            "initial_delay must be no more than max_delay, got 5s and 0.5s");
  EXPECT_EQ(problem_of({.factor = 0.5}), "factor must be 1 to 1000000, got 0.5");
  EXPECT_EQ(problem_of({.process_exception = nullptr}),
            "process_exception must be a function, got an empty one");
}

TEST(reconnect_policy, lets_a_default_give_way_to_an_option) {
  with_log quick({.max_delay = 1s});
  for (const double expected : {0.5, 1.0, 1.0}) EXPECT_NEAR(quick.failed(), expected, 1e-6);
  with_log slow({.min_delay = 100s});
  for (const double expected : {2.5, 100.0, 100.0}) EXPECT_NEAR(slow.failed(), expected, 1e-6);
}

TEST(reconnect_policy, gives_up_where_the_limit_does) {
  with_log tested;
  EXPECT_THROW(tested.failed(limit(limit::clock::now())), timeout);
  std::stop_source stop;
  stop.request_stop();
  try {
    tested.failed(limit(stop.get_token()));
    ADD_FAILURE();
  } catch (const std::system_error& problem) {
    EXPECT_EQ(problem.code(), std::errc::operation_canceled);
  }
  EXPECT_TRUE(tested.lines.empty());
}

TEST(reconnect_policy, throws_what_is_made_of_a_failure) {
  with_log tested({.process_exception = [](std::exception_ptr) {
    return thrown(std::runtime_error("enough"));
  }});
  EXPECT_THROW(tested.failed(), std::runtime_error);
}

TEST(reconnect_policy, bounds_an_attempt_by_the_earlier_limit) {
  const auto soon = limit::clock::now() + 1s;
  EXPECT_EQ(reconnect_policy::attempt_limit(soon, 10s).deadline(), soon);
  EXPECT_EQ(reconnect_policy::attempt_limit(soon, std::nullopt).deadline(), soon);
  EXPECT_LT(*reconnect_policy::attempt_limit(limit(10s), 1s).deadline(), limit::clock::now() + 2s);
  EXPECT_EQ(reconnect_policy::attempt_limit({}, std::nullopt).deadline(), std::nullopt);
}

TEST(process_exception, tells_what_may_pass_from_what_will_not) {
  const auto passes = [](const std::exception_ptr& problem) { return !process_exception(problem); };
  EXPECT_TRUE(passes(refused));
  EXPECT_TRUE(passes(thrown(timeout("late"))));
  EXPECT_TRUE(passes(thrown(invalid_message("ended", true))));
  EXPECT_FALSE(passes(thrown(invalid_message("nonsense"))));
  for (const int status : {500, 502, 503, 504}) {
    EXPECT_TRUE(passes(thrown(invalid_status(response{.status = status})))) << status;
    EXPECT_TRUE(passes(thrown(invalid_proxy_status("proxy p:80", response{.status = status}))))
        << status;
  }
  for (const int status : {200, 301, 401, 404, 407, 501, 505}) {
    EXPECT_FALSE(passes(thrown(invalid_status(response{.status = status})))) << status;
    EXPECT_FALSE(passes(thrown(invalid_proxy_status("proxy p:80", response{.status = status}))))
        << status;
  }
  EXPECT_TRUE(passes(thrown(proxy_error("refused", true))));
  EXPECT_FALSE(passes(thrown(proxy_error("refused"))));
  EXPECT_FALSE(passes(thrown(security_error("too many"))));
  EXPECT_FALSE(passes(thrown(std::runtime_error("other"))));
}

}  // namespace
}  // namespace duplex::detail
