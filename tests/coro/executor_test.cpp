#include <duplex/coro/executor.hpp>

#include <algorithm>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include <duplex/coro/scope.hpp>
#include <duplex/coro/wait.hpp>
#include <duplex/error.hpp>

#include "support/executor.hpp"

namespace duplex::coro {
namespace {

using namespace std::chrono_literals;
using test::manual_executor;

class alarm final : public timer {
 public:
  explicit alarm(coro::executor& executor, std::function<void()> ring = {})
      : timer(executor), ring_(std::move(ring)) {}

 private:
  void expired() override {
    if (ring_) ring_();
  }
  std::function<void()> ring_;
};

// Waits in the queue and writes down how the wait ended.
task<> wait_in(executor& executor, wait_queue& queue, std::vector<std::string>& log,
               std::string name, limit limit = {}) {
  wait waiting(executor, queue, limit);
  auto reason = co_await waiting;
  constexpr const char* names[] = {"pending", "woken", "timed out", "stopped"};
  log.push_back(name + " " + names[static_cast<int>(reason)]);
}

using log = std::vector<std::string>;

TEST(executor, current_throws_where_a_thread_has_none) {
  try {
    executor::current();
    FAIL() << "nothing thrown";
  } catch (const invalid_state& e) {
    EXPECT_NE(std::string(e.what()).find("loop::current()"), std::string::npos) << e.what();
  }
}

TEST(executor, current_is_of_each_thread) {
  manual_executor here;
  EXPECT_EQ(&executor::current(), &here);
  std::thread([] { EXPECT_THROW(executor::current(), invalid_state); }).join();
}

TEST(executor, run_ready_called_by_a_coroutine_does_nothing) {
  manual_executor executor;
  log seen;
  scope tasks;
  tasks.spawn([](coro::executor& on, log& to) -> task<> {
    to.push_back("first in");
    on.run_ready();
    to.push_back("first out");
    co_return;
  }(executor, seen));
  tasks.spawn([](log& to) -> task<> {
    to.push_back("second");
    co_return;
  }(seen));
  executor.run();
  EXPECT_EQ(seen, (log{"first in", "first out", "second"}));
}

TEST(executor, resumes_in_the_order_of_waking) {
  manual_executor executor;
  wait_queue a, b;
  log seen;
  scope tasks;
  tasks.spawn(wait_in(executor, a, seen, "a"));
  tasks.spawn(wait_in(executor, b, seen, "b"));
  executor.run();
  b.wake_one();
  a.wake_one();
  EXPECT_TRUE(seen.empty()) << "waking does not resume";
  EXPECT_TRUE(executor.has_ready());
  executor.run();
  EXPECT_EQ(seen, (log{"b woken", "a woken"}));
  EXPECT_FALSE(executor.has_ready());
}

TEST(executor, yield_lets_everyone_who_is_ready_run_first) {
  manual_executor executor;
  log seen;
  auto twice = [](coro::executor& on, log& to, std::string name) -> task<> {
    to.push_back(name);
    yield turn(on);
    co_await turn;
    to.push_back(name);
  };
  scope tasks;
  tasks.spawn(twice(executor, seen, "a"));
  tasks.spawn(twice(executor, seen, "b"));
  executor.run();
  EXPECT_EQ(seen, (log{"a", "b", "a", "b"}));
}

TEST(timer, expires_in_order_and_not_before_its_time) {
  manual_executor executor;
  log seen;
  alarm late(executor, [&] { seen.push_back("late"); });
  alarm early(executor, [&] { seen.push_back("early"); });
  late.arm(executor.now() + 2s);
  early.arm(executor.now() + 1s);
  EXPECT_EQ(executor.next_timer(), executor.now() + 1s);
  executor.advance(1s - 1ns);
  EXPECT_TRUE(seen.empty());
  executor.advance(1ns);
  EXPECT_EQ(seen, log{"early"});
  EXPECT_FALSE(early.armed());
  EXPECT_TRUE(late.armed());
  executor.advance(5s);
  EXPECT_EQ(seen, (log{"early", "late"}));
  EXPECT_EQ(executor.next_timer(), std::nullopt);
}

TEST(timer, expires_with_others_of_its_time_in_the_order_of_arming) {
  manual_executor executor;
  std::vector<int> seen;
  std::list<alarm> alarms;
  for (int i = 0; i < 50; ++i) alarms.emplace_back(executor, [&seen, i] { seen.push_back(i); });
  for (auto& each : alarms) each.arm(executor.now() + 1s);
  executor.advance(1s);
  ASSERT_EQ(seen.size(), 50u);
  EXPECT_TRUE(std::is_sorted(seen.begin(), seen.end()));
}

TEST(timer, armed_again_moves) {
  manual_executor executor;
  int rings = 0;
  alarm moved(executor, [&] { ++rings; });
  moved.arm(executor.now() + 1s);
  moved.arm(executor.now() + 3s);
  EXPECT_EQ(moved.at(), executor.now() + 3s);
  executor.advance(2s);
  EXPECT_EQ(rings, 0);
  executor.advance(1s);
  EXPECT_EQ(rings, 1);
}

TEST(timer, armed_while_timers_run_waits_for_the_next_call) {
  manual_executor executor;
  int rings = 0;
  alarm* self = nullptr;
  alarm again(executor, [&] {
    ++rings;
    self->arm(executor.now());
  });
  self = &again;
  again.arm(executor.now());
  executor.run_timers(executor.now());
  EXPECT_EQ(rings, 1);
  executor.run_timers(executor.now());
  EXPECT_EQ(rings, 2);
}

TEST(timer, may_destroy_and_disarm_others_while_it_expires) {
  manual_executor executor;
  log seen;
  auto destroyed = std::make_unique<alarm>(executor, [&] { seen.push_back("destroyed"); });
  alarm disarmed(executor, [&] { seen.push_back("disarmed"); });
  alarm first(executor, [&] {
    seen.push_back("first");
    destroyed.reset();
    disarmed.disarm();
  });
  for (alarm* each : {&first, destroyed.get(), &disarmed}) each->arm(executor.now() + 1s);
  executor.advance(2s);
  EXPECT_EQ(seen, log{"first"});
}

TEST(timer, tells_the_executor_of_a_new_earliest_only) {
  manual_executor executor;
  alarm a(executor), b(executor), c(executor);
  a.arm(executor.now() + 2s);
  EXPECT_EQ(executor.timer_changes(), 1);
  b.arm(executor.now() + 3s);
  EXPECT_EQ(executor.timer_changes(), 1);
  c.arm(executor.now() + 1s);
  EXPECT_EQ(executor.timer_changes(), 2);
  b.disarm();
  EXPECT_EQ(executor.timer_changes(), 2);
  c.disarm();
  EXPECT_EQ(executor.timer_changes(), 3);
}

TEST(timer, ten_thousand_expire_in_order_while_others_are_taken_back) {
  manual_executor executor;
  std::mt19937 random(7);
  std::vector<time_point> seen;
  std::vector<std::unique_ptr<alarm>> alarms;
  for (int i = 0; i < 10'000; ++i) {
    alarms.push_back(std::make_unique<alarm>(executor, [&] { seen.push_back(executor.now()); }));
    alarms.back()->arm(executor.now() + std::chrono::microseconds(random() % 1'000'000));
  }
  std::vector<time_point> expected;
  for (auto& each : alarms) {
    switch (random() % 4) {
      case 0:
        each.reset();
        continue;
      case 1:
        each->disarm();
        continue;
      case 2:
        each->arm(executor.now() + std::chrono::microseconds(random() % 1'000'000));
        break;
      default:
        break;
    }
    expected.push_back(each->at());
  }
  std::sort(expected.begin(), expected.end());
  executor.advance(1s);
  EXPECT_EQ(seen, expected);
}

TEST(timer, and_what_was_deferred_may_outlive_the_executor) {
  struct work final : coro::timer, coro::deferred {
    explicit work(coro::executor& executor) : timer(executor), deferred(executor) {}
    void expired() override {}
    void run_deferred() override {}
  };
  std::optional<manual_executor> executor(std::in_place);
  work first(*executor), second(*executor);
  for (auto* each : {&first, &second}) {
    each->arm(executor->now() + 1s);
    each->defer();
  }
  executor.reset();
  EXPECT_FALSE(first.armed());
}

TEST(resident, is_told_once_before_its_executor_ends_the_youngest_first) {
  struct guest final : coro::resident {
    guest(coro::executor& executor, std::string own, log& to)
        : resident(executor), name(std::move(own)), told(to) {}
    void executor_ends() noexcept override { told.push_back(name); }
    std::string name;
    log& told;
  };
  log told;
  std::optional<manual_executor> executor(std::in_place);
  guest oldest(*executor, "oldest", told);
  std::optional<guest> gone(std::in_place, *executor, "gone", told);
  guest middle(*executor, "middle", told), youngest(*executor, "youngest", told);
  gone.reset();
  executor.reset();
  EXPECT_EQ(told, (log{"youngest", "middle", "oldest"}));
}

TEST(wait_queue, wakes_one_in_the_order_they_came) {
  manual_executor executor;
  wait_queue queue;
  log seen;
  scope tasks;
  for (auto name : {"a", "b", "c"}) {
    tasks.spawn(wait_in(executor, queue, seen, name));
    executor.run();
  }
  EXPECT_TRUE(queue.wake_one());
  executor.run();
  EXPECT_EQ(seen, log{"a woken"});
  queue.wake_all();
  executor.run();
  EXPECT_EQ(seen, (log{"a woken", "b woken", "c woken"}));
  EXPECT_FALSE(queue.wake_one());
  EXPECT_TRUE(queue.empty());
}

TEST(waiter, frame_destroyed_in_a_queue_leaves_it) {
  manual_executor executor;
  wait_queue queue;
  log seen;
  // Each of three places: first, middle, last.
  for (int gone = 0; gone < 3; ++gone) {
    seen.clear();
    std::unique_ptr<scope> tasks[3];
    for (int i = 0; i < 3; ++i) {
      tasks[i] = std::make_unique<scope>();
      tasks[i]->spawn(wait_in(executor, queue, seen, std::to_string(i)));
      executor.run();
    }
    tasks[gone].reset();
    queue.wake_all();
    executor.run();
    log expected;
    for (int i = 0; i < 3; ++i) {
      if (i != gone) expected.push_back(std::to_string(i) + " woken");
    }
    EXPECT_EQ(seen, expected);
  }
}

TEST(waiter, frame_destroyed_when_ready_is_not_resumed) {
  manual_executor executor;
  wait_queue queue;
  log seen;
  {
    scope tasks;
    tasks.spawn(wait_in(executor, queue, seen, "a"));
    executor.run();
    queue.wake_all();
    EXPECT_TRUE(executor.has_ready());
  }
  EXPECT_FALSE(executor.has_ready());
  executor.run();
  EXPECT_TRUE(seen.empty());
}

TEST(waiter, frame_destroyed_takes_its_deadline_and_stop_with_it) {
  manual_executor executor;
  wait_queue queue;
  log seen;
  std::stop_source stop;
  {
    scope tasks;
    tasks.spawn(wait_in(executor, queue, seen, "a", {executor.now() + 1s, stop.get_token()}));
    executor.run();
    EXPECT_TRUE(executor.next_timer());
  }
  EXPECT_FALSE(executor.next_timer());
  stop.request_stop();
  executor.run();
  executor.advance(2s);
  EXPECT_TRUE(seen.empty());
}

TEST(waiter, frame_destroyed_after_its_stop_leaves_the_list_of_the_stopped) {
  manual_executor executor;
  wait_queue queue;
  log seen;
  std::stop_source stop;
  scope others;
  others.spawn(wait_in(executor, queue, seen, "before", stop.get_token()));
  executor.run();
  {
    scope tasks;
    tasks.spawn(wait_in(executor, queue, seen, "gone", stop.get_token()));
    executor.run();
    others.spawn(wait_in(executor, queue, seen, "after", stop.get_token()));
    executor.run();
    stop.request_stop();
    EXPECT_TRUE(executor.poked());
  }
  executor.run();
  std::sort(seen.begin(), seen.end());
  EXPECT_EQ(seen, (log{"after stopped", "before stopped"}));
}

TEST(waiter, only_the_first_wake_counts) {
  manual_executor executor;
  wait_queue queue;
  log seen;
  std::stop_source stop;
  scope tasks;
  tasks.spawn(wait_in(executor, queue, seen, "a", {executor.now() + 1s, stop.get_token()}));
  executor.run();
  queue.wake_all();
  stop.request_stop();
  executor.advance(2s);
  executor.run();
  EXPECT_EQ(seen, log{"a woken"});
}

TEST(waiter, deadline_ends_the_wait) {
  manual_executor executor;
  wait_queue queue;
  log seen;
  scope tasks;
  tasks.spawn(wait_in(executor, queue, seen, "a", executor.now() + 1s));
  executor.run();
  executor.advance(1s);
  EXPECT_EQ(seen, log{"a timed out"});
  EXPECT_TRUE(queue.empty());
}

TEST(waiter, stop_requested_before_ends_the_wait_at_once) {
  manual_executor executor;
  wait_queue queue;
  log seen;
  std::stop_source stop;
  stop.request_stop();
  scope tasks;
  tasks.spawn(wait_in(executor, queue, seen, "a", stop.get_token()));
  executor.run_ready();
  EXPECT_EQ(seen, log{"a stopped"});
}

TEST(waiter, stop_requested_on_another_thread_pokes_the_executor) {
  manual_executor executor;
  wait_queue queue;
  log seen;
  std::stop_source stop;
  scope tasks;
  tasks.spawn(wait_in(executor, queue, seen, "a", stop.get_token()));
  executor.run();
  std::thread stopper([&] { stop.request_stop(); });
  executor.wait_for_poke();
  executor.run();
  stopper.join();
  EXPECT_EQ(seen, log{"a stopped"});
}

TEST(waiter, waits_again_after_a_wait) {
  manual_executor executor;
  wait_queue queue;
  std::stop_source stop;
  std::vector<wake_reason> reasons;
  scope tasks;
  tasks.spawn([](coro::executor& on, wait_queue& in, std::stop_token token,
                 std::vector<wake_reason>& to) -> task<> {
    wait waiting(on, in, token);
    for (int i = 0; i < 3; ++i) {
      auto reason = co_await waiting;
      to.push_back(reason);
    }
  }(executor, queue, stop.get_token(), reasons));
  executor.run();
  queue.wake_all();
  executor.run();
  stop.request_stop();
  executor.run();
  EXPECT_EQ(reasons, (std::vector{wake_reason::woken, wake_reason::stopped, wake_reason::stopped}));
}

// The races a foreign stop can lose: each wait has ended otherwise, or its frame is being
// destroyed.
TEST(waiter, stop_on_another_thread_races_with_its_end) {
  manual_executor executor;
  for (int round = 0; round < 300; ++round) {
    wait_queue queue;
    log seen;
    std::stop_source stop;
    std::vector<std::unique_ptr<scope>> tasks;
    for (int i = 0; i < 50; ++i) {
      tasks.push_back(std::make_unique<scope>());
      tasks.back()->spawn(wait_in(executor, queue, seen, "a", stop.get_token()));
    }
    executor.run();
    std::atomic<bool> stopping = false;
    std::thread stopper([&] {
      stopping = true;
      stop.request_stop();
    });
    while (!stopping) std::this_thread::yield();
    // The callbacks are called in the order of the waits, or the other way round.
    for (int i = 0; i < 25; ++i) {
      if (round % 3 == 0) queue.wake_one();
      tasks[round % 2 == 0 ? i : 49 - i].reset();
    }
    executor.run();
    stopper.join();
    executor.run();
    EXPECT_GE(seen.size(), 25u);
    EXPECT_TRUE(queue.empty());
  }
}

TEST(waiter, limits_throw_what_they_are) {
  manual_executor executor;
  wait_queue queue;
  std::string text;
  auto receive = [](coro::executor& on, wait_queue& in, std::string& to, limit limit) -> task<> {
    try {
      wait waiting(on, in, limit);
      co_await waiting;
      waiting.throw_if_limited("receiving");
      to = "woken";
    } catch (const timeout& e) {
      to = std::string("timeout: ") + e.what();
    } catch (const std::system_error& e) {
      to = e.code() == std::errc::operation_canceled ? "canceled" : "other";
    }
  };
  std::stop_source stop;
  scope tasks;
  tasks.spawn(receive(executor, queue, text, executor.now() + 1s));
  executor.run();
  executor.advance(1s);
  EXPECT_EQ(text, "timeout: receiving timed out");
  tasks.spawn(receive(executor, queue, text, stop.get_token()));
  executor.run();
  stop.request_stop();
  executor.run();
  EXPECT_EQ(text, "canceled");
  tasks.spawn(receive(executor, queue, text, {}));
  executor.run();
  queue.wake_all();
  executor.run();
  EXPECT_EQ(text, "woken");
}

TEST(limit, converts_from_what_limits) {
  const auto before = clock::now();
  const limit from_now = 500ms;
  ASSERT_TRUE(from_now.deadline());
  EXPECT_GE(*from_now.deadline(), before + 500ms);
  EXPECT_LE(*from_now.deadline(), clock::now() + 500ms);
  EXPECT_FALSE(from_now.token().stop_possible());

  std::stop_source stop;
  const limit token = stop.get_token();
  EXPECT_FALSE(token.deadline());
  EXPECT_TRUE(token.token().stop_possible());

  const limit both(before, stop.get_token());
  EXPECT_EQ(both.deadline(), before);
  EXPECT_TRUE(both.token().stop_possible());
}

TEST(limit, of_a_hundred_years_is_none) {
  EXPECT_FALSE(limit(std::chrono::milliseconds::max()).deadline());
  EXPECT_FALSE(limit(std::chrono::hours::max()).deadline());
  EXPECT_TRUE(limit(std::chrono::hours(24 * 365)).deadline());
  EXPECT_TRUE(limit(-1s).deadline());
}

}  // namespace
}  // namespace duplex::coro
