// Attempts and waits, in turns.
#include <duplex/sync/reconnecting.hpp>

#include <chrono>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <utility>

#include "base/reconnect_policy.hpp"
#include "protocol/client_plan.hpp"
#include "sync/connecting.hpp"
#include "tls/client.hpp"

namespace duplex::sync {
namespace {

// Until the time is over, or the limit is reached: the next attempt finds out.
void sleep_within(duration time, const limit& whole) {
  const limit until = detail::reconnect_policy::attempt_limit(whole, time);
  std::mutex mutex;
  std::condition_variable_any nobody;
  std::unique_lock lock(mutex);
  const auto never = [] { return false; };
  if (until.deadline()) {
    nobody.wait_until(lock, until.token(), *until.deadline(), never);
  } else {
    nobody.wait(lock, until.token(), never);
  }
}

}  // namespace

struct reconnecting::state {
  state(std::string_view uri, const connect_options& options, reconnect_options again)
      : plan(uri, options),
        tls(options.tls, options.proxy_tls),
        policy(std::move(again), plan.logger) {
    plan.require_no_socket();
  }

  detail::client_plan plan;
  tls::clients tls;
  detail::reconnect_policy policy;
};

reconnecting::reconnecting(std::string_view uri, const connect_options& options,
                           reconnect_options again)
    : state_(std::make_unique<state>(uri, options, std::move(again))) {}

reconnecting::reconnecting(reconnecting&&) noexcept = default;
reconnecting& reconnecting::operator=(reconnecting&&) noexcept = default;
reconnecting::~reconnecting() = default;

client_connection reconnecting::next(limit limit) {
  auto& [plan, tls, policy] = *state_;
  if (const auto delay = policy.delay_after_success(std::chrono::steady_clock::now())) {
    sleep_within(*delay, limit);
    policy.check(nullptr, limit);
  }
  for (;;) {
    std::exception_ptr problem;
    try {
      client_connection ws(open_client(plan, tls, nullptr, limit));
      policy.succeeded(std::chrono::steady_clock::now());
      return ws;
    } catch (...) {
      problem = std::current_exception();
    }
    sleep_within(policy.failed(problem, limit), limit);
    policy.check(problem, limit);
  }
}

}  // namespace duplex::sync
