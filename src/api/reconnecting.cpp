// Attempts and waits, in turns.
#include <duplex/reconnecting.hpp>

#include <algorithm>
#include <chrono>
#include <exception>
#include <utility>

#include <duplex/coro/wait.hpp>

#include "api/client.hpp"
#include "base/reconnect_policy.hpp"
#include "protocol/client_plan.hpp"
#include "tls/client.hpp"

namespace duplex {
namespace {

// Until the time is over, or the limit is reached: the next attempt finds out.
task<> sleep_within(duration time, limit whole) {
  auto& executor = coro::executor::current();
  coro::wait_queue nobody;
  const limit until = detail::reconnect_policy::attempt_limit(whole, time);
  coro::wait sleeping(executor, nobody, until);
  co_await sleeping;
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

task<client_connection> reconnecting::next(limit limit) {
  auto& [plan, tls, policy] = *state_;
  if (const auto delay = policy.delay_after_success(std::chrono::steady_clock::now())) {
    co_await sleep_within(*delay, limit);
    policy.check(nullptr, limit);
  }
  for (;;) {
    std::exception_ptr problem;
    try {
      auto ws = co_await detail::open_client(plan, tls, nullptr, limit);
      policy.succeeded(std::chrono::steady_clock::now());
      co_return ws;
    } catch (...) {
      problem = std::current_exception();
    }
    const auto delay = policy.failed(problem, limit);
    co_await sleep_within(delay, limit);
    policy.check(problem, limit);
  }
}

}  // namespace duplex
