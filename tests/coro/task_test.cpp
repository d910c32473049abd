#include <duplex/coro/task.hpp>

#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <duplex/coro/scope.hpp>
#include <duplex/coro/wait.hpp>

#include "support/executor.hpp"

namespace duplex {
namespace {

using test::manual_executor;

// Appends its name when destroyed.
struct trace {
  std::vector<std::string>& log;
  std::string name;
  trace(std::vector<std::string>& to, std::string text) : log(to), name(std::move(text)) {}
  trace(const trace&) = delete;
  ~trace() { log.push_back(name); }
};

struct no_default {
  explicit no_default(int number) : value(number) {}
  no_default(no_default&&) = default;
  int value;
};

task<int> number(int value) { co_return value; }
task<> nothing() { co_return; }
task<int> fails(std::string why) {
  throw std::runtime_error(why);
  co_return 0;
}
task<> pause() {
  coro::yield turn(coro::executor::current());
  co_await turn;
}

// Runs a task to its end under a manual executor.
void run(manual_executor& executor, task<> work) {
  scope tasks([](std::exception_ptr e) {
    try {
      std::rethrow_exception(e);
    } catch (const std::exception& thrown) {
      ADD_FAILURE() << thrown.what();
    }
  });
  tasks.spawn(std::move(work));
  executor.run();
  EXPECT_EQ(tasks.size(), 0u);
}

TEST(task, does_not_run_before_it_is_awaited) {
  manual_executor executor;
  bool ran = false;
  auto work = [](bool& flag) -> task<> {
    flag = true;
    co_return;
  }(ran);
  EXPECT_FALSE(ran);
  run(executor, std::move(work));
  EXPECT_TRUE(ran);
}

TEST(task, never_awaited_is_destroyed_with_its_arguments) {
  auto kept = std::make_shared<int>(1);
  {
    auto work = [](std::shared_ptr<int> held) -> task<int> { co_return *held; }(kept);
    EXPECT_EQ(kept.use_count(), 2);
  }
  EXPECT_EQ(kept.use_count(), 1);
}

TEST(task, gives_values_of_every_kind) {
  manual_executor executor;
  run(executor, []() -> task<> {
    auto plain = co_await number(42);
    EXPECT_EQ(plain, 42);
    auto move_only = []() -> task<std::unique_ptr<int>> { co_return std::make_unique<int>(7); };
    auto pointer = co_await move_only();
    EXPECT_EQ(*pointer, 7);
    auto constructed = []() -> task<no_default> { co_return no_default(3); };
    auto value = co_await constructed();
    EXPECT_EQ(value.value, 3);
    auto braces = []() -> task<std::pair<int, std::string>> { co_return {1, "one"}; };
    auto pair = co_await braces();
    EXPECT_EQ(pair.second, "one");
    auto empty = []() -> task<std::optional<std::string>> { co_return std::nullopt; };
    auto optional = co_await empty();
    EXPECT_FALSE(optional);
    auto error = []() -> task<std::exception_ptr> { co_return std::exception_ptr(); };
    auto none = co_await error();
    EXPECT_EQ(none, nullptr);
    co_await nothing();
  }());
}

TEST(task, throws_its_exception_to_its_awaiter) {
  manual_executor executor;
  run(executor, []() -> task<> {
    std::string caught;
    try {
      co_await fails("at once");
    } catch (const std::runtime_error& e) {
      caught = e.what();
    }
    EXPECT_EQ(caught, "at once");
    auto later = []() -> task<> {
      co_await pause();
      throw std::runtime_error("later");
    };
    try {
      co_await later();
    } catch (const std::runtime_error& e) {
      caught = e.what();
    }
    EXPECT_EQ(caught, "later");
  }());
}

TEST(task, runs_in_conditions_and_returns) {
  manual_executor executor;
  run(executor, []() -> task<> {
    auto countdown = [](int& left) -> task<std::optional<int>> {
      co_await pause();
      if (left == 0) co_return std::nullopt;
      co_return left--;
    };
    int left = 3, sum = 0;
    while (auto next = co_await countdown(left)) sum += *next;
    EXPECT_EQ(sum, 6);
    auto forward = []() -> task<int> { co_return co_await number(5); };
    if (auto five = co_await forward()) {
      EXPECT_EQ(five, 5);
    }
  }());
}

TEST(task, moved_leaves_nothing_behind) {
  manual_executor executor;
  run(executor, []() -> task<> {
    auto first = number(1);
    auto second = std::move(first);
    first = number(2);
    auto one = co_await second;
    auto two = co_await first;
    EXPECT_EQ(one, 1);
    EXPECT_EQ(two, 2);
  }());
}

// The stack would overflow if each end called its awaiter, or each start stayed below its awaiter.
TEST(task, hundred_thousand_that_end_at_once_use_no_stack) {
  manual_executor executor;
  run(executor, []() -> task<> {
    long sum = 0;
    for (int i = 0; i < 100'000; ++i) {
      auto next = co_await number(i);
      sum += next;
    }
    EXPECT_EQ(sum, 4'999'950'000);
  }());
}

TEST(task, hundred_thousand_that_throw_at_once_use_no_stack) {
  manual_executor executor;
  run(executor, []() -> task<> {
    int caught = 0;
    for (int i = 0; i < 100'000; ++i) {
      try {
        co_await fails("no");
      } catch (const std::runtime_error&) {
        ++caught;
      }
    }
    EXPECT_EQ(caught, 100'000);
  }());
}

TEST(task, hundred_thousand_that_suspend_use_no_stack) {
  manual_executor executor;
  run(executor, []() -> task<> {
    for (int i = 0; i < 100'000; ++i) co_await pause();
    // And those that end at once below one that was resumed.
    for (int i = 0; i < 100'000; ++i) co_await nothing();
  }());
}

task<int> depth(int levels) {
  if (levels == 0) {
    co_await pause();
    co_return 0;
  }
  auto below = co_await depth(levels - 1);
  co_return below + 1;
}

TEST(task, chain_of_a_thousand_is_resumed_from_its_end) {
  manual_executor executor;
  run(executor, []() -> task<> {
    auto deep = co_await depth(1'000);
    EXPECT_EQ(deep, 1'000);
  }());
}

task<> chain(std::vector<std::string>& log, int level) {
  trace local(log, "level " + std::to_string(level));
  if (level == 3) {
    coro::wait_queue nobody;
    coro::wait waiting(coro::executor::current(), nobody);
    co_await waiting;
  } else {
    co_await chain(log, level + 1);
  }
  log.push_back("not reached");
}

TEST(task, destroyed_while_suspended_takes_those_it_awaits_with_it) {
  manual_executor executor;
  std::vector<std::string> log;
  {
    scope tasks;
    tasks.spawn(chain(log, 1));
    executor.run();
    EXPECT_TRUE(log.empty());
  }
  EXPECT_EQ(log, (std::vector<std::string>{"level 3", "level 2", "level 1"}));
}

}  // namespace
}  // namespace duplex
