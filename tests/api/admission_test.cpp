// How many connections a server takes, and what becomes of the others.
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <duplex/client.hpp>
#include <duplex/server.hpp>

#include "api/admission.hpp"
#include "http_answer.hpp"
#include "log_book.hpp"

namespace duplex::test {
namespace {

using detail::admission;

const std::string opens = "101 Switching Protocols";
const std::string busy = "503 Service Unavailable";

address at(std::string host) { return {std::move(host), 1234}; }

// --- counting

TEST(admission_of, all_connections_gives_slots_back) {
  admission counted({.max_connections = 2});
  const auto now = admission::time_point();
  admission::refusal why;
  auto first = counted.admit(at("10.0.0.1"), now, why);
  auto second = counted.admit(at("10.0.0.2"), now, why);
  EXPECT_TRUE(first && second);
  EXPECT_FALSE(counted.admit(at("10.0.0.3"), now, why));
  EXPECT_EQ(why.why, "too many connections");
  auto moved = std::move(*first);
  EXPECT_FALSE(counted.admit(at("10.0.0.3"), now, why));
  second.reset();
  EXPECT_TRUE(counted.admit(at("10.0.0.3"), now, why));
}

TEST(admission_of, one_address_counts_networks_of_ipv6) {
  admission counted({.max_connections_per_address = 1});
  const auto now = admission::time_point();
  admission::refusal why;
  auto first = counted.admit(at("10.0.0.1"), now, why);
  EXPECT_FALSE(counted.admit(at("10.0.0.1"), now, why));
  EXPECT_EQ(why.why, "too many connections from this address");
  EXPECT_FALSE(counted.admit(at("::ffff:10.0.0.1"), now, why));
  EXPECT_TRUE(counted.admit(at("10.0.0.2"), now, why));
  auto sixth = counted.admit(at("2001:db8:0:1::1"), now, why);
  EXPECT_FALSE(counted.admit(at("2001:db8:0:1:ffff::2"), now, why));
  EXPECT_TRUE(counted.admit(at("2001:db8:0:2::1"), now, why));
  sixth.reset();
  EXPECT_TRUE(counted.admit(at("2001:db8:0:1:ffff::2"), now, why));
  // What has no address shares none.
  for (const char* none : {"", "unix:", "unix:/run/app.sock"}) {
    auto here = counted.admit(at(none), now, why), there = counted.admit(at(none), now, why);
    EXPECT_TRUE(here && there) << none;
  }
}

TEST(admission_of, a_second_takes_the_rate_at_once_and_fills_up_again) {
  using namespace std::chrono_literals;
  admission counted({.max_accept_rate = 4});
  auto now = admission::time_point() + 1h;
  admission::refusal why;
  const auto taken = [&] {
    int count = 0;
    while (counted.admit(at("10.0.0.1"), now, why)) ++count;
    return count;
  };
  EXPECT_EQ(taken(), 4);
  EXPECT_EQ(why.why, "too many new connections");
  EXPECT_EQ(why.retry_after, 1s);
  now += 250ms;
  EXPECT_EQ(taken(), 1);
  now += 500ms;
  EXPECT_EQ(taken(), 2);
  now += 1h;
  EXPECT_EQ(taken(), 4);
}

// --- over the wire

TEST(max_connections, refuses_more_with_503_until_a_slot_is_given_back) {
  log_book book;
  const auto server = serve(echo, "127.0.0.1", 0, {.max_connections = 2, .logger = book.sink()});
  run_test([&]() -> task<> {
    const auto uri = "ws://127.0.0.1:" + std::to_string(server.port());
    auto first = co_await connect(uri);
    {
      auto begun = co_await raw_client::connect(server.port());  // a handshake counts too
      auto answer = co_await ask(server.port(), upgrade_request());
      while (answer.status() != busy) {  // until the server has seen the one before
        auto again = co_await ask(server.port(), upgrade_request());
        answer = std::move(again);
      }
      EXPECT_EQ(answer.value("Retry-After"), "10");
      EXPECT_EQ(answer.value("Connection"), "close");
      EXPECT_EQ(answer.body, "too many connections\n");
    }
    EXPECT_GE(book.count_like("info: connection rejected (503 Service Unavailable) for 127.0.0.1:",
                              ": too many connections"),
              1u);
    // Both the one given up and the one closed make room.
    auto second = co_await ask(server.port(), upgrade_request());
    while (second.status() != opens) {
      auto again = co_await ask(server.port(), upgrade_request());
      second = std::move(again);
    }
    co_await first.send("still here");
    auto reply = co_await first.recv();
    EXPECT_EQ(reply.text(), "still here");
  });
}

TEST(max_connections_per_address, refuses_more_with_503) {
  const auto server = serve(echo, "127.0.0.1", 0, {.max_connections_per_address = 1});
  run_test([&]() -> task<> {
    const auto uri = "ws://127.0.0.1:" + std::to_string(server.port());
    auto first = co_await connect(uri);
    auto answer = co_await ask(server.port(), upgrade_request());
    EXPECT_EQ(answer.status(), busy);
    EXPECT_EQ(answer.body, "too many connections from this address\n");
    co_await first.close();
    auto next = co_await ask(server.port(), upgrade_request());
    while (next.status() != opens) {
      auto again = co_await ask(server.port(), upgrade_request());
      next = std::move(again);
    }
  });
}

TEST(max_accept_rate, refuses_more_with_503) {
  const auto server = serve(echo, "127.0.0.1", 0, {.max_accept_rate = 1});
  run_test([&]() -> task<> {
    auto first = co_await ask(server.port(), upgrade_request());
    EXPECT_EQ(first.status(), opens);
    auto second = co_await ask(server.port(), upgrade_request());
    EXPECT_EQ(second.status(), busy);
    EXPECT_EQ(second.value("Retry-After"), "1");
    EXPECT_EQ(second.body, "too many new connections\n");
  });
}

TEST(max_connections, keeps_a_flood_of_connects_from_costing_what_handshakes_cost) {
  int asked = 0;
  const auto server =
      serve(echo, "127.0.0.1", 0,
            {.process_request = [&](handshake&, const request&) -> std::optional<response> {
               ++asked;
               return std::nullopt;
             },
             .max_connections = 1});
  run_test([&]() -> task<> {
    const auto uri = "ws://127.0.0.1:" + std::to_string(server.port());
    auto first = co_await connect(uri);
    std::vector<raw_client> flood;
    for (int i = 0; i < 500; ++i) {
      auto client = co_await raw_client::connect(server.port());
      flood.push_back(std::move(client));
    }
    // All of them are answered or dropped, though none of them has said a word.
    int answered = 0;
    for (auto& client : flood) {
      auto answer = co_await client.read_to_end();
      answered += answer.starts_with("HTTP/1.1 503 ");
    }
    EXPECT_GE(answered, 64);
    EXPECT_EQ(asked, 1);
    co_await first.send("still here");
    auto reply = co_await first.recv();
    EXPECT_EQ(reply.text(), "still here");
    co_await first.close();
    auto next = co_await ask(server.port(), upgrade_request());
    while (next.status() != opens) {
      auto again = co_await ask(server.port(), upgrade_request());
      next = std::move(again);
    }
  });
}

TEST(admission_options, that_make_no_sense_are_refused) {
  const auto failure = [](serve_options options) {
    return failure_now([&] { serve(echo, "127.0.0.1", 0, std::move(options)); });
  };
  EXPECT_EQ(failure({.max_connections = 0}),
            "invalid argument: max_connections must be positive, or nullopt for no limit, got 0");
  EXPECT_EQ(failure({.max_connections_per_address = 0}),
            "invalid argument: max_connections_per_address must be positive, or nullopt for no "
            "limit, got 0");
  EXPECT_EQ(failure({.max_accept_rate = 0}),
            "invalid argument: max_accept_rate must be positive, or nullopt for no limit, got 0");
}

// --- start_serving

TEST(start_serving, later_leaves_who_comes_waiting) {
  log_book book;
  auto server = serve(echo, "127.0.0.1", 0, {.start_serving = false, .logger = book.sink()});
  EXPECT_FALSE(server.is_serving());
  EXPECT_NE(server.port(), 0);
  EXPECT_TRUE(book.lines.empty());
  run_test([&]() -> task<> {
    auto client = co_await raw_client::connect(server.port());
    co_await client.write(upgrade_request());
    co_await sleep_for(5ms);
    EXPECT_TRUE(server.connections().empty());
    server.start_serving();
    server.start_serving();
    EXPECT_TRUE(server.is_serving());
    auto head = co_await client.read_until("\r\n\r\n");
    EXPECT_TRUE(head.starts_with("HTTP/1.1 101 "));
    server.close();
    EXPECT_EQ(failure_now([&] { server.start_serving(); }), "other: the server is closed");
  });
  EXPECT_EQ(book.count_like("info: server listening on ", ""), 1u);
}

TEST(start_serving, is_what_serve_forever_does) {
  auto server = serve(echo, "127.0.0.1", 0, {.start_serving = false});
  run_test([&]() -> task<> {
    test_scope serving;
    serving.start([&]() -> task<> { co_await server.serve_forever(); });
    auto answer = co_await ask(server.port(), upgrade_request());
    EXPECT_EQ(answer.status(), opens);
    server.close();
    co_await server.wait_closed();
    while (serving.running() != 0) co_await sleep_for(1ms);
  });
}

}  // namespace
}  // namespace duplex::test
