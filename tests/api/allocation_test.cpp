// Memory: none is asked for by a small message that goes round, and running out of it ends a
// connection and nothing else.
#include <algorithm>
#include <cstdlib>
#include <functional>
#include <limits>
#include <new>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <duplex/client.hpp>
#include <duplex/server.hpp>

#include "support.hpp"
#include "support/sanitizers.hpp"

namespace {

thread_local std::size_t allocation_count = 0;
thread_local std::size_t failing_allocation = 0;  // counting down; 0: none

// False where this is the one to fail.
bool may_allocate() noexcept {
  ++allocation_count;
  if (failing_allocation == 0) return true;
  return --failing_allocation != 0;
}

}  // namespace

// The sanitizers have a malloc of their own; there only operator new is counted.
#if !DUPLEX_TEST_SANITIZED && defined(__GLIBC__)
constexpr bool counts_malloc = true;
extern "C" {
void* __libc_malloc(std::size_t size);
void* __libc_realloc(void* block, std::size_t size);
void* malloc(std::size_t size) { return may_allocate() ? __libc_malloc(size) : nullptr; }
void* realloc(void* block, std::size_t size) {
  return may_allocate() ? __libc_realloc(block, size) : nullptr;
}
}
#else
constexpr bool counts_malloc = false;
#endif

void* operator new(std::size_t size) {
  if (!counts_malloc && !may_allocate()) throw std::bad_alloc();
  if (void* const block = std::malloc(size != 0 ? size : 1)) return block;
  throw std::bad_alloc();
}
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmismatched-new-delete"  // GCC sees one of the pair inlined
#endif
void operator delete(void* block) noexcept { std::free(block); }
void operator delete(void* block, std::size_t) noexcept { std::free(block); }

namespace duplex::test {
namespace {

TEST(small_messages, are_echoed_without_an_allocation_on_either_side) {
  const auto server = serve(echo, "127.0.0.1");
  const std::string text(20, 'x');
  constexpr int rounds = 1000;
  std::size_t allocated = std::numeric_limits<std::size_t>::max();
  run_test([&]() -> task<> {
    const auto uri = "ws://127.0.0.1:" + std::to_string(server.port());
    auto ws = co_await connect(uri);
    for (int i = 0; i < 100; ++i) {
      co_await ws.send(text);
      co_await ws.recv();
    }
    const auto before = allocation_count;
    int right = 0;
    for (int i = 0; i < rounds; ++i) {
      co_await ws.send(text);
      auto reply = co_await ws.recv();
      right += reply.text() == text;
    }
    allocated = allocation_count - before;
    EXPECT_EQ(right, rounds);
    co_await ws.close();
  });
  EXPECT_EQ(allocated, 0u);
}

TEST(small_messages, are_echoed_in_batches_without_an_allocation) {
  const auto server = serve(echo, "127.0.0.1");
  const std::string text(1000, 'x');
  std::size_t allocated = std::numeric_limits<std::size_t>::max();
  run_test([&]() -> task<> {
    const auto uri = "ws://127.0.0.1:" + std::to_string(server.port());
    auto ws = co_await connect(uri);
    const auto exchange = [&](int batches) -> task<> {
      for (int i = 0; i < batches; ++i) {
        for (int n = 0; n < 3; ++n) co_await ws.send(text);
        for (int n = 0; n < 3; ++n) co_await ws.recv(20s);
      }
    };
    co_await exchange(20);
    const auto before = allocation_count;
    co_await exchange(200);
    allocated = allocation_count - before;
    co_await ws.close();
  });
  EXPECT_LE(allocated, 2u);  // the coroutine of the exchange is one
}

// One connection doing everything while the n-th allocation fails; false once there is no n-th.
bool survives_without_memory(std::size_t n, side own) {
  memory_connection connection(
      {.side = own, .max_queue = {4, 1}, .bytes_max = 1 << 20, .write_limit = 2000});
  const side far = connection.far_side();
  connection.peer.set_room(3000);
  connection.peer.make_output_room(1 << 20);
  int ends = 0;
  const auto start = [&](std::function<task<>()> work) {
    connection.start([&ends, work]() -> task<> {
      try {
        co_await work();
      } catch (const std::exception&) {
      }
      ++ends;
    });
  };
  const std::string large(100'000, 'l');
  std::vector<std::size_t> received;  // sizes of messages: each one is another
  received.reserve(100);
  const auto receive = [&]() -> task<> {
    while (auto message = co_await connection.ws().next()) {
      received.push_back(message->size());
      co_await connection.ws().send(*message);
    }
  };
  start(receive);
  start([&]() -> task<> { co_await connection.ws().ping(as_bytes("p")); });
  start([&]() -> task<> { co_await connection.ws().send(large); });
  start([&]() -> task<> { co_await connection.ws().wait_closed(1h); });
  const auto batch = [&](std::size_t first) {
    std::string bytes;
    for (std::size_t i = 0; i < 10; ++i) bytes += text_frame(far, std::string(first + i, 'x'));
    return bytes;
  };
  connection.peer.send(batch(40) + ping_frame(far, "q") + pong_frame(far, "p"));
  connection.peer.send(text_frame(far, large), 30'000);
  connection.peer.send(batch(50));

  failing_allocation = n;
  try {
    connection.peer.pump();
  } catch (const std::bad_alloc&) {
    ADD_FAILURE() << "allocation " << n << " went through the loop";
  }
  const bool failed = failing_allocation == 0;
  failing_allocation = 0;

  // The echo may have ended for want of memory: its connection goes on, and so may another.
  start(receive);
  connection.peer.set_room(memory_peer::unlimited);
  connection.peer.send(close_frame(far, 1000));
  connection.peer.send_eof();
  connection.peer.pump();
  EXPECT_EQ(ends, 5) << n;
  EXPECT_EQ(connection.ws().state(), state::closed) << n;
  EXPECT_TRUE(connection.peer.closed()) << n;
  std::vector<std::size_t> sent;
  for (std::size_t i = 0; i < 10; ++i) sent.push_back(40 + i);
  sent.push_back(large.size());
  for (std::size_t i = 0; i < 10; ++i) sent.push_back(50 + i);
  EXPECT_TRUE(connection.peer.aborted() || received == sent) << n;
  EXPECT_LE(received.size(), sent.size());
  received.resize(std::min(received.size(), sent.size()));
  EXPECT_TRUE(std::equal(received.begin(), received.end(), sent.begin())) << n;  // no gap
  const auto frames = frames_of(connection.peer.take(), own);
  for (std::size_t i = 0; i + 1 < frames.size(); ++i) {
    EXPECT_FALSE(frames[i].starts_with("cut")) << n;
  }
  EXPECT_TRUE(frames.empty() || connection.peer.aborted() || !frames.back().starts_with("cut"))
      << n;
  return failed;
}

TEST(lack_of_memory, at_any_allocation_ends_the_connection_at_worst) {
  for (const side own : {side::server, side::client}) {
    std::size_t n = 1;
    while (survives_without_memory(n, own)) ++n;
    EXPECT_GT(n, 10u);
  }
}

// A server goes on serving others after any allocation of serving one has failed.
TEST(lack_of_memory, at_any_allocation_leaves_the_server_serving) {
  const auto server =
      serve(echo, "127.0.0.1", 0, {.open_timeout = 1s, .logger = [](const log_record&) {}});
  const auto uri = "ws://127.0.0.1:" + std::to_string(server.port());
  const auto exchange = [&]() -> task<> {
    auto ws = co_await connect(uri, {.open_timeout = 1s});
    co_await ws.send("hello");
    auto reply = co_await ws.recv(1s);
    EXPECT_EQ(reply.text(), "hello");
    co_await ws.close();
  };
  run_test([&]() -> task<> {
    co_await exchange();
    bool failed = true;
    for (std::size_t n = 1; failed && n < 2000; ++n) {
      failing_allocation = n;
      try {
        co_await exchange();
      } catch (const std::exception&) {
      }
      failed = failing_allocation == 0;
      failing_allocation = 0;
    }
    EXPECT_FALSE(failed);
    co_await exchange();
  });
}

}  // namespace
}  // namespace duplex::test
