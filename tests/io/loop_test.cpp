#include <duplex/io/loop.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <memory>
#include <random>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include <duplex/coro/scope.hpp>
#include <duplex/coro/wait.hpp>
#include <duplex/error.hpp>

#include "support/loop.hpp"

namespace duplex::io {
namespace {

using namespace std::chrono_literals;

TEST(loop, current_is_made_once_for_each_thread) {
  loop* here = &loop::current();
  EXPECT_EQ(here, &loop::current());
  EXPECT_EQ(here, &coro::executor::current());
  std::thread([here] {
    EXPECT_NE(here, &loop::current());
    EXPECT_EQ(&loop::current(), &coro::executor::current());
  }).join();
}

TEST(loop, second_of_a_thread_is_refused) {
  std::thread([] {
    {
      loop own;
      EXPECT_EQ(&own, &loop::current());
      EXPECT_THROW(loop(), invalid_state);
      EXPECT_EQ(&own, &loop::current());
    }
    EXPECT_THROW(coro::executor::current(), invalid_state);
    loop again;
    EXPECT_EQ(&again, &loop::current());
  }).join();
}

TEST(loop, run_until_asks_before_the_first_round) {
  int asked = 0;
  loop::current().run_until([&] { return ++asked == 1; });
  EXPECT_EQ(asked, 1);
}

TEST(loop, run_until_inside_itself_throws) {
  auto& loop = loop::current();
  std::string message;
  loop.post([&] {
    try {
      loop.run_until([] { return true; });
    } catch (const invalid_state& e) {
      message = e.what();
    }
  });
  test::run_until([&] { return !message.empty(); });
  EXPECT_EQ(message, "the loop is running already: await instead of running it again");
  test::run_rounds(1);  // and works on
}

TEST(loop, run_until_works_after_its_condition_threw) {
  auto& loop = loop::current();
  EXPECT_THROW(loop.run_until([]() -> bool { throw std::runtime_error("no"); }),
               std::runtime_error);
  test::run_rounds(1);
}

TEST(loop, post_calls_in_order) {
  std::vector<int> seen;
  for (int i = 0; i < 100; ++i) loop::current().post([&seen, i] { seen.push_back(i); });
  EXPECT_TRUE(seen.empty());
  test::run_until([&] { return seen.size() == 100; });
  EXPECT_TRUE(std::is_sorted(seen.begin(), seen.end()));
}

TEST(loop, post_from_a_posted_function_is_called_later) {
  auto& loop = loop::current();
  std::vector<std::string> seen;
  loop.post([&] {
    loop.post([&] { seen.push_back("inner"); });
    seen.push_back("outer");
  });
  test::run_until([&] { return seen.size() == 2; });
  EXPECT_EQ(seen, (std::vector<std::string>{"outer", "inner"}));
}

TEST(loop, post_from_eight_threads_loses_nothing_and_keeps_each_order) {
  auto& loop = loop::current();
  constexpr int threads = 8, each = 5'000;
  std::vector<int> last(threads, -1);
  int calls = 0, disorder = 0;
  std::vector<std::thread> posting;
  for (int t = 0; t < threads; ++t) {
    posting.emplace_back([&, t] {
      for (int i = 0; i < each; ++i) {
        loop.post([&, t, i] {
          if (last[t] != i - 1) ++disorder;
          last[t] = i;
          ++calls;
        });
      }
    });
  }
  test::run_until([&] { return calls == threads * each; });
  for (auto& thread : posting) thread.join();
  EXPECT_EQ(calls, threads * each);
  EXPECT_EQ(disorder, 0);
}

TEST(loop, destroyed_drops_what_was_posted) {
  auto held = std::make_shared<int>();
  std::thread([held] {
    loop own;
    own.post([held] { *held = 1; });
  }).join();
  EXPECT_EQ(held.use_count(), 1);
  EXPECT_EQ(*held, 0);
}

TEST(loop, keeps_an_object_until_its_release) {
  auto& loop = loop::current();
  auto object = std::make_shared<int>(1);
  const std::weak_ptr<int> alive = object;
  loop.keep(object);
  loop.keep(object);  // twice is once
  EXPECT_EQ(loop.kept(), 1u);
  loop.release(std::exchange(object, nullptr));
  EXPECT_EQ(loop.kept(), 0u);
  EXPECT_TRUE(alive.expired());
  loop.release(std::make_shared<int>(2));  // was never kept
}

TEST(loop, destroyed_lets_go_of_what_it_keeps) {
  auto first = std::make_shared<int>(), second = std::make_shared<int>();
  std::thread([&] {
    loop own;
    // The end of one may hand over another.
    own.keep(
        std::shared_ptr<void>(first.get(), [&own, first, second](void*) { own.keep(second); }));
  }).join();
  EXPECT_EQ(first.use_count(), 1);
  EXPECT_EQ(second.use_count(), 1);
}

TEST(loop, resumes_what_a_callback_made_ready_before_the_next_round) {
  auto& loop = loop::current();
  coro::wait_queue queue;
  int rounds = 0, resumed_in = -1;
  scope tasks;
  tasks.spawn([](io::loop& on, coro::wait_queue& in, int& round, int& to) -> task<> {
    coro::wait waiting(on, in);
    co_await waiting;
    for (int i = 0; i < 10; ++i) {
      coro::yield turn(on);
      co_await turn;
    }
    to = round;
  }(loop, queue, rounds, resumed_in));
  loop.post([&] {
    queue.wake_all();
    EXPECT_EQ(resumed_in, -1);
  });
  loop.run_until([&] { return ++rounds, resumed_in >= 0; });
  EXPECT_EQ(resumed_in, 1) << "in the round of the callback";
}

TEST(loop, timer_rings_at_its_time) {
  auto& loop = loop::current();
  for (auto time : {0us, 300us, 1'000us, 5'500us, 20'000us}) {
    const auto start = coro::clock::now();
    test::run([](std::chrono::nanoseconds length) -> task<> { co_await sleep_for(length); }(time));
    EXPECT_GE(coro::clock::now() - start, time);
  }
  EXPECT_FALSE(loop.next_timer());
}

TEST(loop, timer_earlier_than_the_one_waited_for_rings_first) {
  scope tasks;
  std::vector<int> seen;
  auto sleep = [](std::chrono::milliseconds time, std::vector<int>& to) -> task<> {
    co_await sleep_for(time);
    to.push_back(static_cast<int>(time.count()));
  };
  tasks.spawn(sleep(500ms, seen));
  loop::current().post([&] { tasks.spawn(sleep(5ms, seen)); });
  test::run_until([&] { return tasks.size() == 0; });
  EXPECT_EQ(seen, (std::vector<int>{5, 500}));
}

TEST(loop, ten_thousand_timers_ring_in_order_and_in_time) {
  auto& loop = loop::current();
  std::mt19937 random(11);
  struct alarm final : coro::timer {
    std::vector<coro::time_point>* seen = nullptr;
    int* early = nullptr;
    using coro::timer::timer;
    void expired() override {
      if (coro::clock::now() < at()) ++*early;
      seen->push_back(at());
    }
  };
  std::vector<std::unique_ptr<alarm>> alarms;
  std::vector<coro::time_point> seen;
  int early = 0;
  for (int i = 0; i < 10'000; ++i) {
    alarms.push_back(std::make_unique<alarm>(loop));
    alarms.back()->seen = &seen;
    alarms.back()->early = &early;
    alarms.back()->arm(loop.now() + std::chrono::microseconds(random() % 100'000));
  }
  test::run_until([&] { return seen.size() == alarms.size(); });
  EXPECT_EQ(early, 0);
  EXPECT_TRUE(std::is_sorted(seen.begin(), seen.end()));
}

TEST(loop, stop_token_of_another_thread_wakes_a_sleeping_loop) {
  std::stop_source stop;
  std::thread stopper;
  bool canceled = false;
  scope tasks;
  tasks.spawn([](std::stop_token token, bool& to) -> task<> {
    try {
      co_await sleep_for(1h, token);
    } catch (const std::system_error& e) {
      to = e.code() == std::errc::operation_canceled;
    }
  }(stop.get_token(), canceled));
  loop::current().post([&] { stopper = std::thread([&] { stop.request_stop(); }); });
  test::run_until([&] { return tasks.size() == 0; });
  stopper.join();
  EXPECT_TRUE(canceled);
}

// A stop, a wake and a destruction of the same waits at once, on two threads.
TEST(loop, stop_tokens_race_with_wakes_and_destruction) {
  auto& loop = loop::current();
  for (int round = 0; round < 200; ++round) {
    coro::wait_queue queue;
    std::stop_source stop;
    auto tasks = std::make_unique<scope>();
    for (int i = 0; i < 20; ++i) {
      tasks->spawn([](io::loop& on, coro::wait_queue& in, std::stop_token token) -> task<> {
        coro::wait waiting(on, in, token);
        co_await waiting;
      }(loop, queue, stop.get_token()));
    }
    loop.run_until([] { return true; });
    std::atomic<bool> started = false;
    std::thread stopper([&] {
      started = true;
      stop.request_stop();
    });
    while (!started) std::this_thread::yield();
    for (int i = 0; i < round % 20; ++i) queue.wake_one();
    if (round % 2 == 0) {
      tasks.reset();
    } else {
      queue.wake_all();
      test::run_until([&] { return tasks->size() == 0; });
    }
    stopper.join();
    tasks.reset();
  }
}

TEST(loop, read_buffer_is_one_place_that_grows) {
  auto& loop = loop::current();
  auto small = loop.read_buffer(1'000);
  EXPECT_GE(small.size(), 1'000u);
  EXPECT_EQ(loop.read_buffer(500).data(), small.data());
  auto large = loop.read_buffer(1 << 20);
  ASSERT_GE(large.size(), std::size_t{1} << 20);
  large.front() = large.back() = std::byte{1};
  EXPECT_EQ(loop.read_buffer(1'000).data(), large.data());
}

TEST(loop, ignores_sigpipe) {
  loop::current();
  struct sigaction present = {};
  ASSERT_EQ(sigaction(SIGPIPE, nullptr, &present), 0);
  EXPECT_EQ(present.sa_handler, SIG_IGN);
}

TEST(loop, streams_may_outlive_it_and_do_nothing) {
  std::thread([] {
    auto own = std::make_unique<loop>();
    auto listener = listen_tcp({"127.0.0.1", 0});
    const auto at = listener->local_address();
    test::recorder events;
    std::unique_ptr<stream> client = test::run(connect_tcp(at.host, at.port));
    client->set_events(&events);
    client->start_reading();
    client->write(buffer(as_bytes("never leaves")));
    own.reset();
    client->write(buffer(as_bytes("nor this")));
    EXPECT_EQ(test::try_write(*client, "nor this"), 0u);
    client->start_reading();
    client->stop_reading();
    client->shutdown();
    client->abort();
    client->set_events(nullptr);
    EXPECT_EQ(client->local_address(), address());
    EXPECT_EQ(client->remote_address(), at);
    listener->stop();
    listener->start([](std::unique_ptr<stream>) {});
    EXPECT_EQ(listener->local_address(), address());
    EXPECT_TRUE(events.events.empty());
  }).join();
}

TEST(loop, hundred_come_and_go_without_a_trace) {
  for (int i = 0; i < 100; ++i) {
    std::thread([] {
      test::run_rounds(2);
      auto listener = listen_tcp({"::1", 0});
      listener->start([](std::unique_ptr<stream>) {});
    }).join();
  }
}

}  // namespace
}  // namespace duplex::io
