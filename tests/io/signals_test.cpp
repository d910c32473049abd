#include <duplex/io/signals.hpp>

#include <atomic>
#include <csignal>
#include <memory>
#include <system_error>
#include <thread>
#include <vector>

#include <unistd.h>

#include <gtest/gtest.h>

#include "support/loop.hpp"

namespace duplex::io {
namespace {

TEST(signal_set, tells_each_signal_of_the_set) {
  std::vector<int> seen;
  signal_set signals({SIGUSR1, SIGUSR2}, [&](int number) { seen.push_back(number); });
  std::raise(SIGUSR1);
  test::run_until([&] { return seen.size() == 1; });
  std::raise(SIGUSR2);
  test::run_until([&] { return seen.size() == 2; });
  EXPECT_EQ(seen, (std::vector<int>{SIGUSR1, SIGUSR2}));
}

TEST(signal_set, several_share_a_signal) {
  int first = 0, second = 0;
  auto one =
      std::make_unique<signal_set>(std::initializer_list<int>{SIGUSR1}, [&](int) { ++first; });
  signal_set two({SIGUSR1}, [&](int) { ++second; });
  std::raise(SIGUSR1);
  test::run_until([&] { return first == 1 && second == 1; });
  one.reset();
  std::raise(SIGUSR1);
  test::run_until([&] { return second == 2; });
  EXPECT_EQ(first, 1);
}

TEST(signal_set, loops_of_several_threads_are_all_told) {
  std::atomic<int> ready = 0, told = 0;
  auto wait_for_one = [&] {
    bool seen = false;
    signal_set signals({SIGUSR1}, [&](int) { seen = true; });
    ++ready;
    if (test::run_until([&] { return seen; })) ++told;
  };
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) threads.emplace_back(wait_for_one);
  while (ready < 4) std::this_thread::yield();
  ::kill(::getpid(), SIGUSR1);
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(told, 4);
}

TEST(signal_set, may_be_destroyed_by_its_own_call) {
  std::unique_ptr<signal_set> signals;
  int calls = 0;
  const auto kept = std::make_shared<int>(7);
  signals = std::make_unique<signal_set>(std::initializer_list<int>{SIGUSR1},
                                         [&, mine = std::shared_ptr<int>(kept)](int) {
                                           signals.reset();
                                           ++calls;
                                           EXPECT_EQ(*mine, 7);  // what it owns is still there
                                         });
  std::raise(SIGUSR1);
  test::run_until([&] { return calls == 1; });
  test::run_rounds();
  EXPECT_EQ(kept.use_count(), 1);
}

TEST(signal_set, gone_gives_the_signal_back) {
  struct sigaction before = {}, during = {}, after = {};
  sigaction(SIGUSR2, nullptr, &before);
  {
    signal_set signals({SIGUSR2}, [](int) {});
    sigaction(SIGUSR2, nullptr, &during);
  }
  sigaction(SIGUSR2, nullptr, &after);
  EXPECT_NE(during.sa_handler, SIG_DFL);
  EXPECT_EQ(after.sa_handler, before.sa_handler);
}

TEST(signal_set, refuses_what_cannot_be_watched) {
  try {
    signal_set signals({SIGUSR1, SIGKILL}, [](int) {});
    FAIL() << "nothing thrown";
  } catch (const std::system_error& e) {
    EXPECT_EQ(e.code(), std::errc::invalid_argument);
    EXPECT_STREQ(e.what(), "cannot watch signal 9: invalid argument");
  }
}

}  // namespace
}  // namespace duplex::io
