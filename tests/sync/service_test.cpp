// The service thread with made-up connections: when it looks, and when it does not.
#include "sync/service.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <memory>
#include <thread>

#include "support/event.hpp"

namespace {

using namespace std::chrono_literals;
using duplex::sync::clock;
using duplex::sync::service;
using duplex::sync::serviced;
using duplex::sync::wake_event;
using duplex::test::event;

// A connection whose looks are a function.
class fake final : public serviced {
 public:
  using function = std::function<wish(int look, short ready)>;
  explicit fake(function each) : function_(std::move(each)) {}

  wish look(clock::time_point, short ready) noexcept override { return function_(++looks, ready); }

  std::atomic<int> looks = 0;

 private:
  function function_;
};

TEST(SyncService, LooksWhenAddedAndWhenWoken) {
  service thread;
  event added, woken;
  fake connection([&](int look, short) {
    (look == 1 ? added : woken).set();
    return serviced::wish{};
  });
  thread.add(connection);
  added.wait();
  thread.wake(connection);
  woken.wait();
  thread.remove(connection);
  EXPECT_EQ(connection.looks, 2);
}

TEST(SyncService, LooksAtTheDeadline) {
  service thread;
  event due;
  const auto deadline = clock::now() + 30ms;
  fake connection([&](int look, short) {
    if (look == 2) due.set();
    return serviced::wish{.deadline = look == 1 ? std::optional(deadline) : std::nullopt};
  });
  thread.add(connection);
  due.wait();
  EXPECT_GE(clock::now(), deadline);
  thread.remove(connection);
  EXPECT_EQ(connection.looks, 2);
}

TEST(SyncService, LooksWhereASocketIsReadyAndNowhereElse) {
  service thread;
  event ready;
  const wake_event socket, other;
  const serviced::wish quiet{.socket = other.number(), .events = POLLIN};
  fake neighbour([&](int, short) { return quiet; });
  fake connection([&](int look, short events) {
    EXPECT_EQ(events, look == 1 ? 0 : POLLIN);
    if (look == 2) ready.set();
    return look == 1 ? serviced::wish{.socket = socket.number(), .events = POLLIN}
                     : serviced::wish{};
  });
  thread.add(neighbour);
  thread.add(connection);
  socket.set();
  ready.wait();
  thread.remove(connection);
  thread.remove(neighbour);
  EXPECT_EQ(connection.looks, 2);
  EXPECT_EQ(neighbour.looks, 1);
}

TEST(SyncService, DoesNotTouchWhatWasRemoved) {
  service thread;
  for (int i = 0; i < 200; ++i) {
    const auto connection =
        std::make_unique<fake>([](int, short) { return serviced::wish{.deadline = clock::now()}; });
    thread.add(*connection);
    while (connection->looks < i % 5) std::this_thread::yield();
    thread.remove(*connection);
  }
}

TEST(SyncService, StopIsFinalAndCanBeRepeated) {
  service thread;
  thread.stop();
  fake connection([](int, short) { return serviced::wish{}; });
  thread.add(connection);
  thread.wake(connection);
  thread.remove(connection);
  thread.stop();
  EXPECT_EQ(connection.looks, 0);
}

TEST(SyncService, InstanceIsSharedAndMadeAnewAfterItsEnd) {
  auto one = service::instance();
  EXPECT_EQ(service::instance(), one);
  const std::weak_ptr<service> before = one;
  one.reset();
  EXPECT_TRUE(before.expired());
  EXPECT_NE(service::instance(), nullptr);
}

}  // namespace
