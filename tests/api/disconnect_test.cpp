// Clients that vanish, a thousand times in every state of a handler: nothing of them stays behind.
#include <chrono>
#include <functional>
#include <ostream>
#include <string>
#include <string_view>
#include <thread>

#include <gtest/gtest.h>

#include <duplex/coro/wait.hpp>
#include <duplex/duplex.hpp>
#include <duplex/io/loop.hpp>
#include <duplex/io/tcp.hpp>

#include "support/memory.hpp"
#include "support/sockets.hpp"

namespace duplex::test {
namespace {

using namespace std::chrono_literals;

constexpr int cycles = 1'000;
constexpr std::size_t growth_max = 512 * 1'024;

// Until allocators have what they keep, however many connections overlapped by chance.
constexpr int warm_up = test::sanitized ? 100 : 1'000;

// Counts up, for coroutines to wait for.
class counter {
 public:
  void up() {
    ++value_;
    waiting_.wake_all();
  }
  task<> reach(int value) {
    while (value_ < value) {
      coro::wait waiting(io::loop::current(), waiting_, 20s);
      co_await waiting;
      if (value_ < value) waiting.throw_if_limited("waiting for a handler");
    }
  }
  int value() const { return value_; }

 private:
  int value_ = 0;
  coro::wait_queue waiting_;
};

// What a handler does until its client is gone; it calls the function right before it waits.
using pastime = std::function<task<>(connection&, std::function<void()>)>;

struct handler_state {
  const char* name;
  pastime pass_time;
};
void PrintTo(const handler_state& state, std::ostream* out) { *out << state.name; }

task<> receiving(connection& ws, std::function<void()> about_to_wait) {
  about_to_wait();
  co_await ws.recv();
}

task<> sending(connection& ws, std::function<void()> about_to_wait) {
  const std::string text(64 * 1024, 'x');
  try {
    for (;;) co_await ws.send(text, {}, 2ms);
  } catch (const timeout&) {
    about_to_wait();
  }
  for (;;) co_await ws.send(text);
}

task<> pinging(connection& ws, std::function<void()> about_to_wait) {
  about_to_wait();
  co_await ws.ping();
}

task<> closing(connection& ws, std::function<void()> about_to_wait) {
  about_to_wait();
  co_await ws.close(4000, "reason");
}

task<> waiting_for_the_end(connection& ws, std::function<void()> about_to_wait) {
  co_await ws.send("unread");
  about_to_wait();
  co_await ws.wait_closed();
}

task<> blocking_a_worker(connection& ws, std::function<void()> about_to_wait) {
  about_to_wait();
  const auto stop = ws.stop_token();
  const auto until_stopped = [&stop] {
    while (!stop.stop_requested()) std::this_thread::yield();
  };
  co_await run_blocking(until_stopped);
}

// Runs `cycle` a thousand times and more and looks at what it left.
task<> repeat(std::function<task<>(int)> cycle) {
  for (int i = 0; i < warm_up; ++i) co_await cycle(i);
  const auto descriptors = open_descriptors();
  memory_growth memory;
  for (int i = warm_up; i < warm_up + cycles; ++i) co_await cycle(i);
  for (int i = 0; i < 2'000 && open_descriptors() > descriptors; ++i) co_await sleep_for(1ms);
  EXPECT_LE(open_descriptors(), descriptors);
  memory.expect_below(growth_max);
}

class client_that_vanishes : public testing::TestWithParam<handler_state> {
 protected:
  // Connects, waits for the handler to be where it should, and aborts.
  task<> run_cycles() {
    counter reached, ended;
    const auto pass_time = GetParam().pass_time;
    auto server = serve(
        [&](connection& ws) -> task<> {
          const auto about_to_wait = [&reached] { reached.up(); };
          try {
            co_await pass_time(ws, about_to_wait);
          } catch (const connection_closed&) {
          }
          ended.up();
        },
        "127.0.0.1", 0, {.compression = {}, .ping_interval = std::nullopt});
    const std::string uri = "ws://127.0.0.1:" + std::to_string(server.port());
    const auto cycle = [&](int i) -> task<> {
      auto ws = co_await connect(uri, {.max_queue = 1, .read_limit = 4096});
      co_await reached.reach(i + 1);
      EXPECT_EQ(ended.value(), i);
      ws.abort();
      co_await ended.reach(i + 1);
    };
    co_await repeat(cycle);
    server.close(false);  // were one left, the server would wait for it
    co_await server.wait_closed(20s);
  }
};

INSTANTIATE_TEST_SUITE_P(handler, client_that_vanishes,
                         testing::Values(handler_state{"receiving", receiving},
                                         handler_state{"sending", sending},
                                         handler_state{"pinging", pinging},
                                         handler_state{"closing", closing},
                                         handler_state{"waiting_for_the_end", waiting_for_the_end},
                                         handler_state{"blocking_a_worker", blocking_a_worker}),
                         [](const auto& state) { return state.param.name; });

TEST_P(client_that_vanishes, leaves_nothing_behind) { run(run_cycles()); }

TEST(client_that_vanishes, in_the_middle_of_its_handshake_leaves_nothing_behind) {
  const std::string_view request = "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n";
  auto session = [&]() -> task<> {
    auto server = serve([](connection&) -> task<> { co_return; }, "127.0.0.1");
    const auto cycle = [&](int i) -> task<> {
      auto stream = co_await io::connect_tcp("127.0.0.1", server.port());
      const auto part = request.substr(0, static_cast<std::size_t>(i) % request.size());
      stream->try_write({as_bytes(part), {}});
      co_await sleep_for(std::chrono::microseconds(i % 3 * 100));
      stream->abort();
    };
    co_await repeat(cycle);
    server.close(false);
    co_await server.wait_closed(20s);
  };
  run(session());
}

TEST(connect_that_is_given_up, leaves_nothing_behind) {
  auto session = [&]() -> task<> {
    auto server = serve(
        [](connection& ws) -> task<> {
          while (auto message = co_await ws.next()) co_await ws.send(*message);
        },
        "127.0.0.1", 0);
    const std::string uri = "ws://127.0.0.1:" + std::to_string(server.port());
    const auto talk = [&]() -> task<> {
      auto ws = co_await connect(uri);
      co_await ws.send("message");
      co_await ws.recv();
    };
    const auto cycle = [&](int i) -> task<> {
      scope given_up;
      given_up.spawn(talk());
      co_await sleep_for(std::chrono::microseconds(i % 10 * 50));
    };
    co_await repeat(cycle);
    server.close(false);
    co_await server.wait_closed(20s);
  };
  run(session());
}

}  // namespace
}  // namespace duplex::test
