// Subscribing to topics of a server and publishing on them.
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <duplex/client.hpp>
#include <duplex/server.hpp>

#include "support.hpp"

namespace duplex::test {
namespace {

using strings = std::vector<std::string>;

// Does what clients say: "+topic", "-topic", ">topic text"; what is anything else is echoed.
task<> obey(connection& ws) {
  while (auto message = co_await ws.next()) {
    const std::string words(message->text());
    const auto rest = words.substr(1);
    if (words[0] == '+') ws.subscribe(rest);
    if (words[0] == '-') ws.unsubscribe(rest);
    if (words[0] == '>') ws.publish(rest.substr(0, rest.find(' ')), rest);
    co_await ws.send("ok");
  }
}

std::string uri_of(const server& server) {
  return "ws://127.0.0.1:" + std::to_string(server.port());
}

// Says each and waits for its "ok".
task<> say(connection& ws, strings words) {
  for (const auto& each : words) {
    co_await ws.send(each);
    auto reply = co_await ws.recv(10s);
    EXPECT_EQ(reply.text(), "ok");
  }
}

task<> expect_next(connection& ws, std::string text) {
  auto message = co_await ws.recv(10s);
  EXPECT_EQ(message.text(), text);
}

TEST(topics, reach_their_subscribers_and_nobody_else) {
  const auto server = serve(obey, "127.0.0.1");
  run_test([&]() -> task<> {
    const auto uri = uri_of(server);
    auto a = co_await connect(uri);
    auto b = co_await connect(uri);
    auto c = co_await connect(uri);
    const strings both{"+x", "+x", "+y"}, y{"+y"};
    co_await say(a, both);
    co_await say(b, y);
    server.publish("x", "to x");
    server.publish("y", "to y");
    server.publish("z", "to nobody");
    server.broadcast("to all");
    co_await expect_next(a, "to x");
    co_await expect_next(a, "to y");
    co_await expect_next(a, "to all");
    co_await expect_next(b, "to y");
    co_await expect_next(b, "to all");
    co_await expect_next(c, "to all");
    const strings leave{"-y", "-y", "-never"};
    co_await say(a, leave);
    server.publish("y", "again");
    server.publish("x", "end");
    co_await expect_next(a, "end");
    co_await expect_next(b, "again");
    co_await a.close();
    co_await b.close();
    co_await c.close();
  });
}

TEST(topics, of_a_connection_end_with_it) {
  const auto server = serve(obey, "127.0.0.1");
  run_test([&]() -> task<> {
    const auto uri = uri_of(server);
    auto stays = co_await connect(uri);
    const strings x{"+x"};
    co_await say(stays, x);
    for (int i = 0; i < 3; ++i) {
      auto goes = co_await connect(uri);
      co_await say(goes, x);
      goes.abort();
    }
    server.publish("x", "to x");
    co_await expect_next(stays, "to x");
    co_await stays.close();
  });
}

TEST(topics, published_on_by_a_connection_reach_the_others) {
  const auto server = serve(obey, "127.0.0.1");
  run_test([&]() -> task<> {
    const auto uri = uri_of(server);
    auto a = co_await connect(uri);
    auto b = co_await connect(uri);
    const strings x{"+x"}, publish{">x hello"};
    co_await say(a, x);
    co_await say(b, x);
    co_await say(a, publish);
    co_await expect_next(b, "x hello");
    co_await a.close();
    co_await b.close();
  });
}

TEST(topics, have_limits) {
  strings problems;
  const auto server = serve(
      [&](connection& ws) -> task<> {
        problems.push_back(failure_now([&] { ws.subscribe(""); }));
        problems.push_back(failure_now([&] { ws.subscribe(std::string(1025, 'x')); }));
        for (int i = 0; i < 1024; ++i) ws.subscribe(std::to_string(i));
        problems.push_back(failure_now([&] { ws.subscribe("one more"); }));
        ws.subscribe("7");
        ws.unsubscribe("7");
        problems.push_back(failure_now([&] { ws.subscribe(std::string(1024, 'x')); }));
        co_return;
      },
      "127.0.0.1");
  run_test([&]() -> task<> {
    const auto uri = uri_of(server);
    auto ws = co_await connect(uri);
    co_await ws.wait_closed();
    problems.push_back(failure_now([&] { ws.subscribe("x"); }));
  });
  EXPECT_EQ(problems,
            (strings{"invalid argument: a topic must not be empty",
                     "invalid argument: topic of 1025 bytes exceeds limit of 1024 bytes",
                     "other: the connection has subscribed to 1024 topics, which is the limit",
                     "none", "none"}));
  memory_connection client({.side = side::client});
  EXPECT_EQ(failure_now([&] { client.ws().subscribe("x"); }),
            "other: the connection has no topics: it is not a server's");
}

TEST(topics, published_while_a_slow_subscriber_is_cut_off_reach_the_others) {
  const auto server = serve(obey, "127.0.0.1", 0, {.write_limit = 1000});
  run_test([&]() -> task<> {
    const auto uri = uri_of(server);
    auto slow = co_await connect(uri, {.compression = {}, .max_queue = 1});
    auto quick = co_await connect(uri, {.compression = {}});
    const strings x{"+x"};
    co_await say(slow, x);
    co_await say(quick, x);
    const std::string large(500'000, 'x');
    for (int i = 0; i < 60; ++i) {
      server.publish("x", large, {.slow = slow_consumer::disconnect});
      auto message = co_await quick.recv(10s);
      EXPECT_EQ(message.size(), large.size());
    }
    auto receiving = [&]() -> task<> {
      for (;;) co_await slow.recv(10s);
    };
    auto end = co_await failure_of(receiving);
    EXPECT_EQ(slow.close_code(), 1008) << end;
    co_await quick.close();
  });
}

TEST(publisher, outlives_its_server) {
  std::optional<publisher> kept;
  {
    const auto server = serve(obey, "127.0.0.1");
    kept = server.publisher();
    kept->publish("x", "to nobody");
  }
  kept->publish("x", "to nobody");
  kept->broadcast("to nobody");
}

}  // namespace
}  // namespace duplex::test
