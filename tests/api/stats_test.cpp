// What a connection tells of itself: figures and latency.
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <duplex/client.hpp>
#include <duplex/server.hpp>

#include "support.hpp"

namespace duplex::test {
namespace {

TEST(stats, count_frames_and_messages_of_both_directions) {
  memory_connection link;
  EXPECT_EQ(link.ws().stats(), connection_stats());
  link.feed_text("hello");
  link.feed_text("you");
  link.feed(ping_frame(side::client, "p"));
  link.start([&]() -> task<> {
    co_await link.ws().recv();
    co_await link.ws().send("four");
  });
  link.peer.pump();
  EXPECT_EQ(link.ws().stats(), (connection_stats{.bytes_received = 11 + 9 + 7,
                                                 .bytes_sent = 3 + 6,
                                                 .messages_received = 2,
                                                 .messages_sent = 1,
                                                 .messages_queued = 1,
                                                 .bytes_queued = 3}));
}

TEST(stats, say_what_is_unsent) {
  memory_connection link;
  link.peer.set_room(0);
  link.start([&]() -> task<> { co_await link.ws().send("four"); });
  link.peer.pump();
  EXPECT_EQ(link.ws().stats().bytes_unsent, 6u);
  EXPECT_EQ(link.ws().stats().bytes_sent, 0u);
}

TEST(stats, say_what_compression_saves) {
  connection_stats of_server;
  const auto server = serve(
      [&](connection& ws) -> task<> {
        co_await echo(ws);
        of_server = ws.stats();
      },
      "127.0.0.1");
  run_test([&]() -> task<> {
    const auto uri = "ws://127.0.0.1:" + std::to_string(server.port());
    auto ws = co_await connect(uri);
    const std::string text(10'000, 'x');
    co_await ws.send(text);
    co_await ws.recv();
    co_await ws.send("too short to be compressed");
    co_await ws.recv();
    const auto figures = ws.stats();
    EXPECT_EQ(figures.sent.payload, text.size());
    EXPECT_EQ(figures.received.payload, text.size());
    EXPECT_GT(figures.sent.ratio(), 50);
    EXPECT_LT(figures.bytes_sent, 300u);
    co_await ws.close();
    while (server.connection_count() != 0) co_await sleep_for(1ms);
  });
  EXPECT_EQ(of_server.received.payload, 10'000u);
  EXPECT_GT(of_server.sent.ratio(), 50);
}

TEST(latency, is_updated_by_keepalive) {
  const auto server = serve(echo, "127.0.0.1");
  run_test([&]() -> task<> {
    const auto uri = "ws://127.0.0.1:" + std::to_string(server.port());
    auto ws = co_await connect(uri, {.ping_interval = 5ms});
    EXPECT_FALSE(ws.latency());
    while (!ws.latency()) co_await sleep_for(1ms);
    EXPECT_LT(*ws.latency(), 10s);
    co_await ws.close();
  });
}

}  // namespace
}  // namespace duplex::test
