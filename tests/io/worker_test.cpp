#include <duplex/io/worker.hpp>

#include <atomic>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include <duplex/coro/scope.hpp>

#include "support/loop.hpp"

namespace duplex {
namespace {

// Blocks a thread of the pool until opened.
class gate {
 public:
  void pass() {
    reached_ = true;
    reached_.notify_all();
    open_.wait(false);
  }
  void wait_until_reached() { reached_.wait(false); }
  void open() {
    open_ = true;
    open_.notify_all();
  }

 private:
  std::atomic<bool> reached_ = false, open_ = false;
};

TEST(run_blocking, calls_on_another_thread_and_resumes_on_the_loop) {
  test::run([]() -> task<> {
    const auto here = std::this_thread::get_id();
    std::thread::id there;
    co_await run_blocking([&] { there = std::this_thread::get_id(); });
    EXPECT_NE(there, here);
    EXPECT_NE(there, std::thread::id());
    EXPECT_EQ(std::this_thread::get_id(), here);
  }());
}

TEST(run_blocking, gives_results_of_every_kind) {
  test::run([]() -> task<> {
    auto sum = co_await run_blocking([] { return 1 + 2; });
    EXPECT_EQ(sum, 3);
    auto text = co_await run_blocking([] { return std::string(1'000, 'x'); });
    EXPECT_EQ(text.size(), 1'000u);
    auto pointer = co_await run_blocking([] { return std::make_unique<int>(5); });
    EXPECT_EQ(*pointer, 5);
  }());
}

TEST(run_blocking, throws_what_the_function_throws) {
  std::string caught;
  test::run([](std::string& to) -> task<> {
    try {
      co_await run_blocking([] { throw std::runtime_error("no such model"); });
    } catch (const std::runtime_error& e) {
      to = e.what();
    }
  }(caught));
  EXPECT_EQ(caught, "no such model");
}

// The two shapes the manual promises for GCC 12.
TEST(run_blocking, takes_functions_that_own_and_functions_that_refer) {
  auto held = std::make_shared<std::string>("owned");
  test::run([](std::shared_ptr<std::string> shared) -> task<> {
    std::string local = "referred";
    auto work = [shared, copy = std::string(100, 'c')] { return *shared + copy; };
    auto owned = co_await run_blocking(std::move(work));
    EXPECT_EQ(owned, "owned" + std::string(100, 'c'));
    auto referred = co_await run_blocking([&] { return local; });
    EXPECT_EQ(referred, "referred");
    auto unique = [pointer = std::make_unique<int>(3)] { return *pointer; };
    auto three = co_await run_blocking(std::move(unique));
    EXPECT_EQ(three, 3);
  }(held));
  EXPECT_EQ(held.use_count(), 1) << "everything it owned is gone";
}

TEST(run_blocking, runs_several_at_once) {
  scope tasks;
  std::atomic<int> inside = 0;
  int ended = 0;
  for (int i = 0; i < 3; ++i) {
    tasks.spawn([](std::atomic<int>& in, int& count) -> task<> {
      co_await run_blocking([&] {
        ++in;
        in.notify_all();
        while (in < 3) std::this_thread::yield();
      });
      ++count;
    }(inside, ended));
  }
  test::run_until([&] { return ended == 3; });
}

TEST(run_blocking, hundred_end_all) {
  scope tasks;
  std::atomic<int> called = 0;
  for (int i = 0; i < 100; ++i) {
    tasks.spawn(
        [](std::atomic<int>& count) -> task<> { co_await run_blocking([&] { ++count; }); }(called));
  }
  test::run_until([&] { return tasks.size() == 0; });
  EXPECT_EQ(called, 100);
}

TEST(run_blocking, leaves_the_loop_free) {
  gate closed;
  scope tasks;
  bool ended = false;
  tasks.spawn([](gate& g, bool& to) -> task<> {
    co_await run_blocking([&] { g.pass(); });
    to = true;
  }(closed, ended));
  test::run_rounds(1);
  closed.wait_until_reached();
  test::run_rounds(3);
  EXPECT_FALSE(ended);
  closed.open();
  test::run_until([&] { return ended; });
}

TEST(run_blocking, frame_destroyed_while_it_runs_frees_the_function_at_its_end) {
  gate closed;
  auto held = std::make_shared<std::string>("alive");
  std::string seen;
  {
    scope tasks;
    tasks.spawn([](gate& g, std::shared_ptr<std::string> shared, std::string& to) -> task<> {
      auto work = [&g, &to, shared] {
        g.pass();
        to = *shared;
      };
      co_await run_blocking(std::move(work));
      to = "not reached";
    }(closed, held, seen));
    test::run_rounds(1);
    closed.wait_until_reached();
  }
  EXPECT_EQ(held.use_count(), 2) << "the function still has it";
  closed.open();
  test::run_until([&] { return held.use_count() == 1; });
  EXPECT_EQ(seen, "alive");
}

TEST(run_blocking, frame_destroyed_before_it_begins_drops_it) {
  // More than libuv has threads, so that the last ones must queue.
  gate closed;
  std::atomic<int> begun = 0;
  auto held = std::make_shared<int>();
  {
    scope tasks;
    for (int i = 0; i < 200; ++i) {
      tasks.spawn([](gate& g, std::atomic<int>& count, std::shared_ptr<int> shared) -> task<> {
        auto work = [&g, &count, shared] {
          ++count;
          g.pass();
        };
        co_await run_blocking(std::move(work));
      }(closed, begun, held));
    }
    test::run_rounds(1);
    closed.wait_until_reached();
  }
  closed.open();
  test::run_until([&] { return held.use_count() == 1; });
  EXPECT_GE(begun, 1);
  EXPECT_LT(begun, 200);
}

TEST(run_blocking, loop_destroyed_waits_for_what_runs) {
  std::atomic<bool> finished = false;
  gate closed;
  std::thread([&] {
    io::loop own;
    {
      scope tasks;
      tasks.spawn([](gate& g, std::atomic<bool>& to) -> task<> {
        co_await run_blocking([&] {
          g.pass();
          for (int i = 0; i < 1'000; ++i) std::this_thread::yield();
          to = true;
        });
      }(closed, finished));
      test::run_rounds(1);
      closed.wait_until_reached();
    }
    closed.open();
  }).join();
  EXPECT_TRUE(finished);
}

}  // namespace
}  // namespace duplex
