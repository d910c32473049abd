// Limits, one receiver at a time, and pings: giving up on a wait leaves the connection usable.
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include <duplex/client.hpp>
#include <duplex/server.hpp>

#include "support.hpp"

namespace duplex::test {
namespace {

// How each waiting operation is called with a limit. None of them can end by itself: nothing comes,
// and the socket takes nothing.
using operation = std::function<task<>(connection&, limit)>;

struct named_operation {
  std::string name, doing;
  operation call;
};
void PrintTo(const named_operation& named, std::ostream* out) { *out << named.name; }

const std::vector<named_operation>& operations() {
  static const std::string large(100'000, 'x');
  static const std::vector<named_operation> all{
      {"recv", "receiving", [](connection& ws, limit limit) -> task<> { co_await ws.recv(limit); }},
      {"next", "receiving", [](connection& ws, limit limit) -> task<> { co_await ws.next(limit); }},
      {"recv_streaming", "receiving",
       [](connection& ws, limit limit) -> task<> { co_await ws.recv_streaming(limit); }},
      {"send", "sending",
       [](connection& ws, limit limit) -> task<> { co_await ws.send(large, {}, limit); }},
      {"ping", "waiting for a pong",
       [](connection& ws, limit limit) -> task<> { co_await ws.ping(limit); }},
      {"ping_with_data", "waiting for a pong",
       [](connection& ws, limit limit) -> task<> { co_await ws.ping(as_bytes("data"), limit); }},
      {"wait_closed", "waiting for the end of the connection",
       [](connection& ws, limit limit) -> task<> { co_await ws.wait_closed(limit); }},
  };
  return all;
}

class limited : public testing::TestWithParam<named_operation> {
 protected:
  limited() { link.peer.set_room(0); }

  void call(const limit& limit) {
    link.start([this, limit]() -> task<> {
      auto waiting = [this, limit]() -> task<> { co_await GetParam().call(link.ws(), limit); };
      end = co_await failure_of(waiting);
    });
    link.peer.pump();
  }
  // The connection still sends, receives, answers and closes.
  void expect_usable() {
    link.peer.set_room(memory_peer::unlimited);
    link.frames();
    std::string received;
    link.start([&]() -> task<> {
      auto message = co_await link.ws().recv();
      received = message.text();
      co_await link.ws().send("answer");
      co_await link.ws().ping(as_bytes("p"));
      co_await link.ws().close();
    });
    link.feed_text("question");
    EXPECT_EQ(received, "question");
    EXPECT_EQ(link.frames(), (std::vector<std::string>{"text answer", "ping p"}));
    link.feed(pong_frame(side::client, "p"));
    EXPECT_EQ(link.frames(), std::vector<std::string>{"close 1000"});
    link.feed(close_frame(side::client, 1000));
    link.peer.send_eof();
    link.peer.pump();
    EXPECT_EQ(link.tasks.running(), 0u);
  }

  memory_connection link;
  std::string end;
};

INSTANTIATE_TEST_SUITE_P(waits, limited, testing::ValuesIn(operations()),
                         [](const auto& each) { return each.param.name; });

TEST_P(limited, by_time) {
  call(1ms);
  EXPECT_EQ(end, "");
  ASSERT_TRUE(link.run_until([&] { return !end.empty(); }));
  EXPECT_EQ(end, "timeout: " + GetParam().doing + " timed out");
  expect_usable();
}

TEST_P(limited, by_a_time_that_has_passed) {
  call(std::chrono::steady_clock::now() - 1h);
  ASSERT_TRUE(link.run_until([&] { return !end.empty(); }));
  EXPECT_EQ(end, "timeout: " + GetParam().doing + " timed out");
  expect_usable();
}

TEST_P(limited, by_a_stop_on_the_same_thread) {
  std::stop_source source;
  call(source.get_token());
  EXPECT_EQ(end, "");
  source.request_stop();
  ASSERT_TRUE(link.run_until([&] { return !end.empty(); }));
  EXPECT_EQ(end, "canceled");
  expect_usable();
}

TEST_P(limited, by_a_stop_on_another_thread) {
  std::stop_source source;
  call({1h, source.get_token()});
  std::jthread stopper([source]() mutable { source.request_stop(); });
  ASSERT_TRUE(link.run_until([&] { return !end.empty(); }));
  EXPECT_EQ(end, "canceled");
  expect_usable();
}

TEST_P(limited, by_a_stop_that_came_before) {
  std::stop_source source;
  source.request_stop();
  call(source.get_token());
  EXPECT_EQ(end, "canceled");
  expect_usable();
}

TEST_P(limited, by_destroying_the_coroutine_that_waits) {
  {
    test_scope tasks;
    tasks.start([&]() -> task<> { co_await GetParam().call(link.ws(), {}); });
    link.peer.pump();
    EXPECT_EQ(tasks.running(), 1u);
  }
  link.peer.pump();
  expect_usable();
}

TEST_P(limited, by_the_end_of_the_connection_before_anything_else) {
  std::stop_source source;
  call({1h, source.get_token()});
  link.ws().abort();
  source.request_stop();
  ASSERT_TRUE(link.run_until([&] { return !end.empty(); }));
  EXPECT_EQ(end, GetParam().name == "wait_closed"
                     ? "none"
                     : "closed error: no close frame received or sent");
}

TEST(recv, takes_what_is_there_even_past_its_limit) {
  memory_connection connection;
  connection.feed_text("there");
  std::stop_source stopped;
  stopped.request_stop();
  std::string received;
  connection.start([&]() -> task<> {
    auto message = co_await connection.ws().recv(0s);
    received = message.text();
  });
  connection.peer.pump();
  EXPECT_EQ(received, "there");
  connection.feed_text("again");
  connection.start([&]() -> task<> {
    auto message = co_await connection.ws().next(stopped.get_token());
    received = message->text();
  });
  connection.peer.pump();
  EXPECT_EQ(received, "again");
}

TEST(recv, prefers_a_message_that_comes_in_the_moment_of_its_limit) {
  memory_connection connection;
  std::stop_source source;
  std::string received;
  connection.start([&]() -> task<> {
    auto message = co_await connection.ws().recv(source.get_token());
    received = message.text();
  });
  connection.peer.pump();
  source.request_stop();  // heard by the loop in its next round
  connection.feed_text("just in time");
  EXPECT_EQ(received, "just in time");
}

TEST(recv, by_two_coroutines_is_refused_to_the_second) {
  memory_connection connection;
  std::string received, refused;
  connection.start([&]() -> task<> {
    auto message = co_await connection.ws().recv();
    received = message.text();
  });
  connection.start([&]() -> task<> {
    const auto by_recv = co_await failure_of([&]() -> task<> { co_await connection.ws().recv(); });
    const auto by_next = co_await failure_of([&]() -> task<> { co_await connection.ws().next(); });
    EXPECT_EQ(by_recv, by_next);
    refused = by_recv;
  });
  connection.peer.pump();
  EXPECT_EQ(refused, "concurrency: another coroutine receives from this connection already");
  connection.feed_text("for the first");
  EXPECT_EQ(received, "for the first");
}

TEST(recv, of_a_coroutine_that_was_woken_and_has_not_run_is_still_the_only_one) {
  memory_connection connection;
  std::string received, refused;
  connection.start([&]() -> task<> {
    auto message = co_await connection.ws().recv();
    received += message.text();
  });
  // Woken by the same bytes, before it.
  coro::wait_queue turn;
  connection.start([&]() -> task<> {
    auto pinging = [&]() -> task<> { co_await connection.ws().ping(as_bytes("p")); };
    co_await pinging();
    refused = co_await failure_of([&]() -> task<> { co_await connection.ws().recv(0s); });
  });
  connection.peer.pump();
  connection.feed(pong_frame(side::client, "p") + text_frame(side::client, "one"));
  EXPECT_EQ(received, "one");
  EXPECT_EQ(refused, "concurrency: another coroutine receives from this connection already");
}

TEST(recv, makes_way_for_another_after_it_gave_up) {
  memory_connection connection;
  std::string received;
  connection.start([&]() -> task<> {
    const auto end = co_await failure_of([&]() -> task<> { co_await connection.ws().recv(1ms); });
    EXPECT_EQ(end, "timeout: receiving timed out");
    auto message = co_await connection.ws().recv();
    received = message.text();
  });
  ASSERT_TRUE(connection.run_until([&] {
    return io::loop::current().next_timer() == std::nullopt ||
           *io::loop::current().next_timer() > coro::clock::now() + 1s;
  }));
  connection.feed_text("second try");
  EXPECT_EQ(received, "second try");
}

// --- pings

TEST(ping, gives_the_time_until_its_pong) {
  memory_connection connection;
  std::optional<duration> round_trip;
  connection.start([&]() -> task<> { round_trip = co_await connection.ws().ping(); });
  const auto frames = connection.frames();
  ASSERT_EQ(frames.size(), 1u);
  ASSERT_TRUE(frames[0].starts_with("ping "));
  EXPECT_EQ(frames[0].size(), 5u + 4);
  const auto sent = coro::clock::now();
  while (coro::clock::now() - sent < 2ms) continue;
  connection.feed(pong_frame(side::client, "other"));
  EXPECT_EQ(round_trip, std::nullopt);
  connection.feed(pong_frame(side::client, frames[0].substr(5)));
  ASSERT_TRUE(round_trip);
  EXPECT_GE(*round_trip, 2ms);
  EXPECT_LT(*round_trip, 20s);
  EXPECT_GE(connection.ws().latency().value(), 2ms);
}

TEST(ping, is_unpredictable_where_no_data_is_given) {
  memory_connection connection;
  connection.start([&]() -> task<> { co_await connection.ws().ping(); });
  connection.start([&]() -> task<> { co_await connection.ws().ping(); });
  const auto frames = connection.frames();
  ASSERT_EQ(frames.size(), 2u);
  EXPECT_NE(frames[0], frames[1]);
}

TEST(ping, is_answered_by_the_pong_of_a_later_one) {
  memory_connection connection;
  std::vector<std::string> answered;
  for (const char* name : {"a", "b", "c"}) {
    connection.start([&connection, &answered, name]() -> task<> {
      co_await connection.ws().ping(as_bytes(name));
      answered.push_back(name);
    });
  }
  EXPECT_EQ(connection.frames(), (std::vector<std::string>{"ping a", "ping b", "ping c"}));
  connection.feed(pong_frame(side::client, "b"));
  std::sort(answered.begin(), answered.end());
  EXPECT_EQ(answered, (std::vector<std::string>{"a", "b"}));
  connection.feed(pong_frame(side::client, "c"));
  EXPECT_EQ(answered.back(), "c");
  EXPECT_EQ(connection.tasks.running(), 0u);
}

TEST(ping, that_was_given_up_is_answered_without_harm) {
  memory_connection connection;
  connection.start([&]() -> task<> {
    const auto end = co_await failure_of(
        [&]() -> task<> { co_await connection.ws().ping(as_bytes("late"), 0s); });
    EXPECT_EQ(end, "timeout: waiting for a pong timed out");
  });
  ASSERT_TRUE(connection.run_until([&] { return connection.tasks.running() == 0; }));
  connection.feed(pong_frame(side::client, "late"));
  EXPECT_TRUE(connection.ws().latency());
  EXPECT_EQ(connection.ws().state(), state::open);
}

TEST(ping, of_more_than_125_bytes_is_refused) {
  memory_connection connection;
  const std::string most(125, 'p'), more(126, 'p');
  connection.start([&]() -> task<> {
    const auto end =
        co_await failure_of([&]() -> task<> { co_await connection.ws().ping(as_bytes(more)); });
    EXPECT_EQ(end, "invalid argument: ping of 126 bytes exceeds limit of 125 bytes");
    co_await connection.ws().ping(as_bytes(most));
  });
  EXPECT_EQ(connection.frames(), std::vector<std::string>{"ping " + most});
  connection.feed(pong_frame(side::client, most));
  EXPECT_EQ(connection.tasks.running(), 0u);
}

TEST(ping, takes_data_that_is_gone_when_the_task_runs) {
  memory_connection connection;
  {
    std::string data = "data of the caller";
    connection.start([&connection, &data]() -> task<> {
      auto pinging = connection.ws().ping(as_bytes(data));
      data.assign(data.size(), '!');
      co_await std::move(pinging);
    });
    connection.peer.pump();
  }
  EXPECT_EQ(connection.frames(), std::vector<std::string>{"ping data of the caller"});
}

TEST(pong, is_sent_unasked) {
  memory_connection connection;
  connection.ws().pong();
  connection.ws().pong(as_bytes("data"));
  const std::string more(126, 'p');
  EXPECT_EQ(failure_now([&] { connection.ws().pong(as_bytes(more)); }),
            "invalid argument: pong of 126 bytes exceeds limit of 125 bytes");
  EXPECT_EQ(connection.frames(), (std::vector<std::string>{"pong ", "pong data"}));
}

// --- the end of a server

TEST(wait_closed, of_a_server_is_limited_before_and_after_its_close) {
  auto server = serve([](connection&) -> task<> { co_await sleep_for(1h); }, "127.0.0.1");
  run_test([&]() -> task<> {
    const auto uri = "ws://127.0.0.1:" + std::to_string(server.port());
    auto ws = co_await connect(uri);
    auto waiting = [&]() -> task<> { co_await server.wait_closed(10ms); };
    const auto serving = co_await failure_of(waiting);
    EXPECT_EQ(serving, "timeout: waiting for the server to close timed out");
    server.close();
    const auto closing = co_await failure_of(waiting);
    EXPECT_EQ(closing, "timeout: waiting for the handlers of a closed server timed out");
  });
}

TEST(wait_closed, of_a_server_is_ended_by_a_stop_before_and_after_its_close) {
  auto server = serve([](connection&) -> task<> { co_await sleep_for(1h); }, "127.0.0.1");
  run_test([&]() -> task<> {
    const auto uri = "ws://127.0.0.1:" + std::to_string(server.port());
    auto ws = co_await connect(uri);
    for (const bool closing : {false, true}) {
      if (closing) server.close();
      std::stop_source source;
      std::jthread stopper([source]() mutable { source.request_stop(); });
      auto waiting = [&]() -> task<> { co_await server.wait_closed(source.get_token()); };
      const auto end = co_await failure_of(waiting);
      EXPECT_EQ(end, "canceled") << closing;
    }
  });
}

}  // namespace
}  // namespace duplex::test
