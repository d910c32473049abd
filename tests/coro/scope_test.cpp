#include <duplex/coro/scope.hpp>

#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <duplex/coro/wait.hpp>
#include <duplex/error.hpp>

#include "support/executor.hpp"

namespace duplex {
namespace {

using namespace std::chrono_literals;
using test::manual_executor;
using log = std::vector<std::string>;

task<> note(log& to, std::string text) {
  to.push_back(text);
  co_return;
}
task<> wait_in(coro::wait_queue& queue) {
  coro::wait waiting(coro::executor::current(), queue);
  co_await waiting;
}
task<> fail(std::string why) {
  throw std::runtime_error(why);
  co_return;
}
// Joins and writes down how that ended.
task<> join(scope& tasks, log& to, limit limit = {}) {
  try {
    co_await tasks.join(limit);
    to.push_back("joined");
  } catch (const std::exception& e) {
    to.push_back(e.what());
  }
}

TEST(scope, needs_an_executor) { EXPECT_THROW(scope(), invalid_state); }

TEST(scope, starts_tasks_when_the_loop_resumes_in_their_order) {
  manual_executor executor;
  log seen;
  scope tasks;
  tasks.spawn(note(seen, "a"));
  tasks.spawn(note(seen, "b"));
  EXPECT_TRUE(seen.empty());
  EXPECT_EQ(tasks.size(), 2u);
  executor.run();
  EXPECT_EQ(seen, (log{"a", "b"}));
  EXPECT_EQ(tasks.size(), 0u);
}

TEST(scope, join_waits_for_the_last) {
  manual_executor executor;
  log seen;
  coro::wait_queue one, two;
  scope tasks, outer;
  tasks.spawn(wait_in(one));
  tasks.spawn(wait_in(two));
  outer.spawn(join(tasks, seen));
  executor.run();
  one.wake_all();
  executor.run();
  EXPECT_TRUE(seen.empty());
  two.wake_all();
  executor.run();
  EXPECT_EQ(seen, log{"joined"});
}

TEST(scope, join_of_an_empty_one_does_not_wait) {
  manual_executor executor;
  log seen;
  scope tasks, outer;
  outer.spawn(join(tasks, seen));
  executor.run();
  EXPECT_EQ(seen, log{"joined"});
}

TEST(scope, join_waits_for_those_spawned_meanwhile) {
  manual_executor executor;
  log seen;
  coro::wait_queue one, two;
  scope tasks, outer;
  tasks.spawn([](scope& in, coro::wait_queue& first, coro::wait_queue& second) -> task<> {
    co_await wait_in(first);
    in.spawn(wait_in(second));
  }(tasks, one, two));
  outer.spawn(join(tasks, seen));
  executor.run();
  one.wake_all();
  executor.run();
  EXPECT_TRUE(seen.empty());
  two.wake_all();
  executor.run();
  EXPECT_EQ(seen, log{"joined"});
}

TEST(scope, join_waits_again_for_those_spawned_before_it_is_resumed) {
  manual_executor executor;
  log seen;
  coro::wait_queue one, two;
  scope tasks, outer;
  outer.spawn(join(tasks, seen));
  tasks.spawn(wait_in(one));
  outer.spawn([](scope& in, coro::wait_queue& first, coro::wait_queue& second) -> task<> {
    co_await wait_in(first);
    EXPECT_EQ(in.size(), 0u);
    in.spawn(wait_in(second));
  }(tasks, one, two));
  executor.run();
  one.wake_all();
  executor.run();
  EXPECT_TRUE(seen.empty());
  two.wake_all();
  executor.run();
  EXPECT_EQ(seen, log{"joined"});
}

TEST(scope, join_throws_the_first_exception_after_the_last_task) {
  manual_executor executor;
  log seen;
  coro::wait_queue queue;
  scope tasks, outer;
  tasks.spawn(fail("first"));
  tasks.spawn(fail("second"));
  tasks.spawn(wait_in(queue));
  outer.spawn(join(tasks, seen));
  executor.run();
  EXPECT_TRUE(seen.empty());
  queue.wake_all();
  executor.run();
  EXPECT_EQ(seen, log{"first"});
  outer.spawn(join(tasks, seen));
  executor.run();
  EXPECT_EQ(seen, (log{"first", "joined"})) << "told once";
}

TEST(scope, handler_gets_every_exception) {
  manual_executor executor;
  log seen;
  scope tasks([&](std::exception_ptr thrown) {
    try {
      std::rethrow_exception(thrown);
    } catch (const std::runtime_error& e) {
      seen.push_back(e.what());
    }
  });
  scope outer;
  tasks.spawn(fail("first"));
  tasks.spawn(fail("second"));
  outer.spawn(join(tasks, seen));
  executor.run();
  EXPECT_EQ(seen, (log{"first", "second", "joined"}));
}

TEST(scope, join_past_its_limit_leaves_the_tasks_running) {
  manual_executor executor;
  log seen;
  coro::wait_queue queue;
  scope tasks, outer;
  tasks.spawn(wait_in(queue));
  outer.spawn(join(tasks, seen, executor.now() + 1s));
  executor.run();
  executor.advance(1s);
  EXPECT_EQ(seen, log{"waiting for tasks timed out"});
  EXPECT_EQ(tasks.size(), 1u);
  outer.spawn(join(tasks, seen));
  queue.wake_all();
  executor.run();
  EXPECT_EQ(seen.back(), "joined");
}

TEST(scope, destroyed_destroys_running_and_unstarted_tasks) {
  manual_executor executor;
  coro::wait_queue queue;
  auto held = std::make_shared<int>();
  auto hold = [](std::shared_ptr<int> kept, coro::wait_queue& in) -> task<> {
    co_await wait_in(in);
    *kept = 1;
  };
  {
    scope tasks;
    for (int i = 0; i < 5; ++i) tasks.spawn(hold(held, queue));
    executor.run();
    for (int i = 0; i < 5; ++i) tasks.spawn(hold(held, queue));
    EXPECT_EQ(held.use_count(), 11);
  }
  EXPECT_EQ(held.use_count(), 1);
  EXPECT_TRUE(queue.empty());
  EXPECT_FALSE(executor.has_ready());
}

TEST(scope, that_outlives_its_executor_has_no_tasks) {
  std::optional<manual_executor> executor(std::in_place);
  coro::wait_queue queue;
  scope first, second;
  first.spawn(wait_in(queue));
  second.spawn(wait_in(queue));
  executor->run();
  second.spawn(wait_in(queue));
  EXPECT_FALSE(queue.empty());
  executor.reset();
  EXPECT_TRUE(queue.empty());
  EXPECT_EQ(first.size() + second.size(), 0u);
}

TEST(scope, cleared_destroys_its_tasks_and_takes_others) {
  manual_executor executor;
  log seen;
  coro::wait_queue queue;
  scope tasks;
  tasks.spawn(wait_in(queue));
  executor.run();
  tasks.spawn(wait_in(queue));
  tasks.clear();
  EXPECT_EQ(tasks.size(), 0u);
  EXPECT_TRUE(queue.empty());
  tasks.spawn(note(seen, "another"));
  executor.run();
  EXPECT_EQ(seen, log{"another"});
}

TEST(scope, destroyed_task_may_spawn_from_a_destructor) {
  manual_executor executor;
  log seen;
  coro::wait_queue queue;
  struct spawner {
    scope& in;
    log& to;
    ~spawner() { in.spawn(note(to, "never runs")); }
  };
  {
    scope tasks;
    tasks.spawn([](scope& in, log& to, coro::wait_queue& q) -> task<> {
      spawner last{in, to};
      co_await wait_in(q);
    }(tasks, seen, queue));
    executor.run();
  }
  executor.run();
  EXPECT_TRUE(seen.empty());
}

TEST(scope, thousand_tasks_end_in_any_order) {
  manual_executor executor;
  scope tasks;
  int ended = 0;
  for (int i = 0; i < 1'000; ++i) {
    tasks.spawn([](int time, int& count) -> task<> {
      co_await sleep_for(std::chrono::milliseconds(time));
      ++count;
    }((i * 7919) % 1'000, ended));
  }
  executor.run();
  executor.advance(499ms);
  EXPECT_EQ(ended, 500);
  executor.advance(500ms);
  EXPECT_EQ(ended, 1'000);
  EXPECT_EQ(tasks.size(), 0u);
}

TEST(sleep_for, resumes_after_its_time) {
  manual_executor executor;
  log seen;
  scope tasks;
  tasks.spawn([](log& to) -> task<> {
    co_await sleep_for(1s);
    to.push_back("awake");
    co_await sleep_for(0s);
    co_await sleep_for(-1s);
    to.push_back("again");
  }(seen));
  executor.run();
  executor.advance(1s - 1ns);
  EXPECT_TRUE(seen.empty());
  executor.advance(1ns);
  EXPECT_EQ(seen, (log{"awake", "again"}));
}

TEST(sleep_for, longest_time_does_not_overflow) {
  manual_executor executor;
  log seen;
  scope tasks;
  tasks.spawn([](log& to) -> task<> {
    co_await sleep_for(std::chrono::nanoseconds::max());
    to.push_back("awake");
  }(seen));
  executor.run();
  executor.advance(std::chrono::hours(1'000));
  EXPECT_TRUE(seen.empty());
}

TEST(sleep_for, throws_where_it_is_stopped) {
  manual_executor executor;
  log seen;
  std::stop_source stop;
  scope tasks;
  tasks.spawn([](log& to, std::stop_token token) -> task<> {
    try {
      co_await sleep_for(1h, token);
    } catch (const std::system_error& e) {
      to.push_back(e.code() == std::errc::operation_canceled ? "canceled" : e.what());
    }
  }(seen, stop.get_token()));
  executor.run();
  stop.request_stop();
  executor.run();
  EXPECT_EQ(seen, log{"canceled"});
  EXPECT_FALSE(executor.next_timer());
}

}  // namespace
}  // namespace duplex
