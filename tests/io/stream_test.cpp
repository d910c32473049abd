#include <duplex/io/stream.hpp>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <duplex/coro/wait.hpp>

#include "support/loop.hpp"
#include "support/memory.hpp"
#include "support/sockets.hpp"

namespace duplex::io {
namespace {

using namespace std::chrono_literals;
using test::connect_pair;
using test::recorder;
using test::run_rounds;
using test::run_until;
using test::try_write;
using names = std::vector<std::string>;

std::string pattern(std::size_t size) {
  std::string result(size, '\0');
  for (std::size_t i = 0; i < size; ++i) result[i] = static_cast<char>((i * 2'654'435'761u) >> 13);
  return result;
}

// The process's socket with these addresses.
int descriptor_of(const stream& of) {
  for (int i = 0; i < 4'096; ++i) {
    if (net::local_address_of(i) == of.local_address() &&
        net::remote_address_of(i) == of.remote_address()) {
      return i;
    }
  }
  return -1;
}

// Fills what the sockets between two ends hold, and gives the number of bytes.
std::size_t fill(stream& full, const std::string& chunk) {
  std::size_t total = 0, idle = 0;
  while (idle < 3) {
    const std::size_t written = try_write(full, chunk);
    total += written;
    idle = written == 0 ? idle + 1 : 0;
    if (written == 0) run_rounds(1);
  }
  return total;
}

class stream_on : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(families, stream_on, testing::Values("127.0.0.1", "::1"),
                         [](auto& family) {
                           return std::string(family.param) == "::1" ? "ipv6" : "ipv4";
                         });

TEST_P(stream_on, both_ends_know_both_addresses) {
  auto pair = connect_pair(GetParam());
  EXPECT_EQ(pair.client->local_address(), pair.server->remote_address());
  EXPECT_EQ(pair.client->remote_address(), pair.server->local_address());
  EXPECT_EQ(pair.client->local_address().host, GetParam());
  EXPECT_NE(pair.client->local_address().port, 0);
}

TEST_P(stream_on, carries_bytes_both_ways) {
  auto pair = connect_pair(GetParam());
  recorder client, server;
  pair.client->set_events(&client);
  pair.server->set_events(&server);
  pair.client->start_reading();
  pair.server->start_reading();
  EXPECT_EQ(try_write(*pair.client, "to the server"), 13u);
  EXPECT_EQ(try_write(*pair.server, "to the client"), 13u);
  run_until([&] { return client.received.size() == 13 && server.received.size() == 13; });
  EXPECT_EQ(server.received, "to the server");
  EXPECT_EQ(client.received, "to the client");
}

// What is the same over TCP and unix sockets.
class stream_over : public testing::TestWithParam<const char*> {
 protected:
  test::connected_pair connect_pair() { return test::connect_pair(GetParam()); }
};
INSTANTIATE_TEST_SUITE_P(transports, stream_over, testing::Values("127.0.0.1", "unix"),
                         [](auto& host) {
                           return std::string(host.param) == "unix" ? "unix" : "tcp";
                         });

TEST(tcp_stream, turns_nagles_algorithm_off_at_both_ends) {
  auto pair = connect_pair();
  for (stream* end : {pair.client.get(), pair.server.get()}) {
    int on = 0;
    socklen_t size = sizeof on;
    ASSERT_EQ(getsockopt(descriptor_of(*end), IPPROTO_TCP, TCP_NODELAY, &on, &size), 0);
    EXPECT_NE(on, 0);
  }
}

TEST_P(stream_over, try_write_takes_two_parts_in_order) {
  auto pair = connect_pair();
  recorder server;
  pair.server->set_events(&server);
  pair.server->start_reading();
  EXPECT_EQ(pair.client->try_write({as_bytes("head "), as_bytes("body ")}), 10u);
  EXPECT_EQ(pair.client->try_write({as_bytes(""), as_bytes("second ")}), 7u);
  EXPECT_EQ(pair.client->try_write({as_bytes("first"), as_bytes("")}), 5u);
  EXPECT_EQ(pair.client->try_write({}), 0u);
  run_until([&] { return server.received.size() == 22; });
  EXPECT_EQ(server.received, "head body second first");
}

TEST_P(stream_over, try_write_stops_where_the_peer_does_not_read_and_loses_nothing) {
  auto pair = connect_pair();
  recorder client, server;
  pair.client->set_events(&client);
  pair.server->set_events(&server);
  const std::string chunk = pattern(100'000);
  const std::size_t total = fill(*pair.client, chunk);
  EXPECT_GT(total, chunk.size() / 2);
  EXPECT_EQ(try_write(*pair.client, chunk), 0u);
  EXPECT_TRUE(client.events.empty());

  pair.server->start_reading();
  run_until([&] { return server.received.size() == total; });
  EXPECT_GT(try_write(*pair.client, "more"), 0u);
}

TEST_P(stream_over, write_of_32_mib_leaves_as_the_peer_reads) {
  auto pair = connect_pair();
  recorder client, server;
  pair.client->set_events(&client);
  pair.server->set_events(&server);
  const std::string sent = pattern(32 << 20);
  pair.client->write(buffer(as_bytes(sent)));
  EXPECT_TRUE(client.events.empty()) << "never from inside the call";
  EXPECT_EQ(try_write(*pair.client, "between"), 0u) << "while a write is under way";
  run_rounds(20);
  EXPECT_TRUE(client.events.empty()) << "the peer does not read";

  pair.server->start_reading();
  run_until([&] { return server.received.size() >= sent.size() && client.saw("on_written"); });
  EXPECT_EQ(client.events, names{"on_written"});
  EXPECT_TRUE(server.received == sent);
  EXPECT_EQ(try_write(*pair.client, "after"), 5u);
}

TEST_P(stream_over, write_that_fits_is_told_later) {
  auto pair = connect_pair();
  recorder client;
  pair.client->set_events(&client);
  pair.client->write(buffer(as_bytes("short")));
  EXPECT_TRUE(client.events.empty());
  run_until([&] { return !client.events.empty(); });
  EXPECT_EQ(client.events, names{"on_written"});
}

TEST_P(stream_over, write_of_nothing_is_told_too) {
  auto pair = connect_pair();
  recorder client;
  pair.client->set_events(&client);
  pair.client->write(buffer());
  run_until([&] { return client.saw("on_written"); });
}

TEST_P(stream_over, writes_one_after_the_other_from_on_written) {
  auto pair = connect_pair();
  recorder client, server;
  pair.client->set_events(&client);
  pair.server->set_events(&server);
  pair.server->start_reading();
  std::string expected;
  int next = 0;
  auto write_next = [&] {
    const std::string text = pattern(50'000) + std::to_string(next++);
    expected += text;
    pair.client->write(buffer(as_bytes(text)));
  };
  client.at = [&](const std::string&) {
    if (next < 100) write_next();
  };
  write_next();
  run_until([&] { return client.events.size() == 100; });
  run_until([&] { return server.received.size() >= expected.size(); });
  EXPECT_TRUE(server.received == expected);
}

TEST_P(stream_over, reads_into_spaces_of_any_size) {
  const std::string sent = pattern(20'000);
  for (std::size_t size : {1u, 7u, 4'096u, 1u << 20}) {
    auto pair = connect_pair();
    recorder server;
    server.read_size = size;
    pair.server->set_events(&server);
    pair.server->start_reading();
    pair.client->write(buffer(as_bytes(sent)));
    run_until([&] { return server.received.size() >= sent.size(); });
    EXPECT_TRUE(server.received == sent) << size;
  }
}

TEST_P(stream_over, event_resumes_whom_it_woke_before_the_next_event) {
  auto first = connect_pair(), second = connect_pair();
  auto& loop = loop::current();
  names seen;
  coro::wait_queue queue;
  scope tasks;
  for (int i = 0; i < 2; ++i) {
    tasks.spawn([](io::loop& on, coro::wait_queue& in, names& to) -> task<> {
      coro::wait waiting(on, in);
      co_await waiting;
      to.push_back("resumed");
    }(loop, queue, seen));
  }
  run_rounds(1);
  recorder one, two;
  first.server->set_events(&one);
  second.server->set_events(&two);
  one.at = two.at = [&](const std::string& event) {
    if (event != "on_data") return;
    seen.push_back("data");
    queue.wake_one();
  };
  // Both are there when the loop looks next, in one round.
  try_write(*first.client, "x");
  try_write(*second.client, "x");
  first.server->start_reading();
  second.server->start_reading();
  run_until([&] { return seen.size() == 4; });
  EXPECT_EQ(seen, (names{"data", "resumed", "data", "resumed"}));
}

TEST_P(stream_over, stop_reading_holds_bytes_back_until_start) {
  auto pair = connect_pair();
  recorder server;
  server.read_size = 4;
  pair.server->set_events(&server);
  pair.server->start_reading();
  server.at = [&](const std::string& event) {
    if (event == "on_data") pair.server->stop_reading();
  };
  try_write(*pair.client, "12345678");
  run_until([&] { return !server.received.empty(); });
  run_rounds();
  EXPECT_EQ(server.received, "1234");
  pair.server->start_reading();
  pair.server->start_reading();  // twice is once
  run_until([&] { return server.received.size() == 8; });
  EXPECT_EQ(server.received, "12345678");
}

TEST_P(stream_over, eof_is_told_once_and_the_other_way_stays_open) {
  auto pair = connect_pair();
  recorder client, server;
  pair.client->set_events(&client);
  pair.server->set_events(&server);
  pair.client->start_reading();
  pair.server->start_reading();
  try_write(*pair.client, "last words");
  pair.client->shutdown();
  run_until([&] { return server.saw("on_eof"); });
  EXPECT_EQ(server.received, "last words");
  pair.server->stop_reading();
  pair.server->start_reading();
  EXPECT_EQ(try_write(*pair.server, "answer"), 6u);
  run_until([&] { return client.received == "answer"; });
  run_rounds();
  EXPECT_EQ(std::count(server.events.begin(), server.events.end(), "on_eof"), 1);
  EXPECT_FALSE(server.saw("on_error"));
}

TEST_P(stream_over, shutdown_waits_for_the_write_under_way) {
  auto pair = connect_pair();
  recorder client, server;
  pair.client->set_events(&client);
  pair.server->set_events(&server);
  const std::string sent = pattern(8 << 20);
  pair.client->write(buffer(as_bytes(sent)));
  pair.client->shutdown();
  pair.client->shutdown();  // twice is once
  EXPECT_EQ(try_write(*pair.client, "too late"), 0u);
  pair.server->start_reading();
  run_until([&] { return server.saw("on_eof"); });
  EXPECT_TRUE(server.received == sent);
  EXPECT_EQ(client.events, names{"on_written"});
  pair.client->write(buffer(as_bytes("too late")));
  EXPECT_EQ(try_write(*pair.client, "too late"), 0u);
  run_rounds();
  EXPECT_TRUE(server.received == sent);
  EXPECT_FALSE(client.saw("on_error"));
}

TEST_P(stream_over, destroyed_is_an_eof_for_its_peer) {
  auto pair = connect_pair();
  recorder server;
  pair.server->set_events(&server);
  pair.server->start_reading();
  pair.client.reset();
  run_until([&] { return server.saw("on_eof"); });
}

TEST(tcp_stream, abort_is_a_reset_for_its_peer_and_silent_at_home) {
  for (const char* state : {"idle", "reading", "writing", "shut down"}) {
    auto pair = test::connect_pair();
    recorder client, server;
    pair.client->set_events(&client);
    pair.server->set_events(&server);
    if (state == std::string("reading")) pair.client->start_reading();
    if (state == std::string("writing")) pair.client->write(buffer(as_bytes(pattern(8 << 20))));
    if (state == std::string("shut down")) {
      fill(*pair.client, pattern(100'000));
      pair.client->shutdown();
    }
    pair.client->abort();
    pair.client->abort();  // twice is once
    pair.server->start_reading();
    run_until([&] { return server.saw("on_error") || server.saw("on_eof"); });
    EXPECT_EQ(server.error, std::errc::connection_reset) << state;
    EXPECT_TRUE(client.events.empty()) << state;
    pair.client->start_reading();
    EXPECT_EQ(try_write(*pair.client, "dead"), 0u);
    run_rounds();
    EXPECT_TRUE(client.events.empty()) << state;
  }
}

TEST(tcp_stream, reset_by_its_peer_is_an_error_once) {
  auto pair = test::connect_pair();
  recorder server;
  pair.server->set_events(&server);
  pair.server->start_reading();
  pair.client->abort();
  run_until([&] { return server.saw("on_error"); });
  EXPECT_EQ(server.error, std::error_code(ECONNRESET, std::system_category()));
  EXPECT_EQ(try_write(*pair.server, "dead"), 0u);
  pair.server->write(buffer(as_bytes("dead")));
  pair.server->start_reading();
  run_rounds();
  EXPECT_EQ(server.events, names{"on_error"});
}

TEST_P(stream_over, error_of_try_write_is_told_later) {
  auto pair = connect_pair();
  recorder server;
  pair.server->set_events(&server);  // not reading: nothing but the write can notice
  pair.client->abort();
  run_rounds();
  EXPECT_EQ(try_write(*pair.server, "dead"), 0u);
  EXPECT_EQ(try_write(*pair.server, "dead"), 0u);
  EXPECT_TRUE(server.events.empty()) << "never from inside the call";
  run_until([&] { return server.saw("on_error"); });
  run_rounds();
  EXPECT_EQ(server.events, names{"on_error"});
  EXPECT_TRUE(server.error == std::errc::connection_reset || server.error == std::errc::broken_pipe)
      << server.error.message();
}

TEST_P(stream_over, error_of_write_is_told) {
  auto pair = connect_pair();
  recorder server;
  pair.server->set_events(&server);
  pair.server->write(buffer(as_bytes(pattern(32 << 20))));
  run_rounds();
  pair.client->abort();
  run_until([&] { return !server.events.empty(); });
  EXPECT_EQ(server.events, names{"on_error"});
}

// A peer that refuses: it answers, and closes while we still send. Its answer must not be lost.
TEST_P(stream_over, answer_before_a_reset_is_read_although_a_write_failed) {
  auto pair = connect_pair();
  recorder client;
  pair.client->set_events(&client);
  pair.client->start_reading();
  try_write(*pair.server, "too big");
  pair.server->abort();
  try_write(*pair.client, "fails");
  try_write(*pair.client, "fails too");
  run_until([&] { return client.saw("on_error"); });
  EXPECT_EQ(client.received, "too big");
  EXPECT_EQ(client.events, (names{"on_data", "on_error"}));
}

TEST_P(stream_over, error_of_a_write_is_told_where_reading_stops_meanwhile) {
  auto pair = connect_pair();
  recorder client;
  pair.client->set_events(&client);
  pair.client->start_reading();
  pair.server->abort();
  try_write(*pair.client, "fails");
  pair.client->stop_reading();
  run_until([&] { return client.saw("on_error"); });
  EXPECT_EQ(client.events, names{"on_error"});
}

TEST_P(stream_over, set_events_hands_over_without_losing_a_byte) {
  auto pair = connect_pair();
  recorder first, second;
  first.read_size = 3;
  pair.server->set_events(&first);
  pair.server->start_reading();
  first.at = [&](const std::string& event) {
    if (event == "on_data") pair.server->set_events(&second);
  };
  try_write(*pair.client, "abcdef");
  run_until([&] { return second.received.size() == 3; });
  EXPECT_EQ(first.received + second.received, "abcdef");
}

TEST_P(stream_over, set_events_handed_over_while_asked_for_space_reads_into_the_new) {
  auto pair = connect_pair();
  auto first = std::make_unique<recorder>();
  recorder second;
  first->at = [&](const std::string&) {
    pair.server->set_events(&second);
    first.reset();
  };
  pair.server->set_events(first.get());
  pair.server->start_reading();
  try_write(*pair.client, "abc");
  run_until([&] { return second.received == "abc"; });
}

TEST_P(stream_over, without_events_the_loop_sleeps) {
  auto pair = connect_pair();
  recorder server;
  pair.server->set_events(&server);
  pair.server->start_reading();
  pair.server->set_events(nullptr);
  try_write(*pair.client, "unread");
  int rounds = 0;
  const auto end = loop::current().now() + 30ms;
  scope tasks;
  tasks.spawn(sleep_for(30ms));
  run_until([&] { return ++rounds, loop::current().now() >= end; });
  EXPECT_LT(rounds, 20);
  EXPECT_TRUE(server.events.empty());
}

// Every event, and everything that can be done to the stream from inside it.
struct inside {
  const char* event;
  const char* action;
};
class stream_event : public testing::TestWithParam<inside> {};

std::vector<inside> every_inside() {
  std::vector<inside> result;
  for (auto event : {"read_space", "on_data", "on_eof", "on_error", "on_written", "late_error"}) {
    for (auto action : {"destroy", "detach", "abort", "stop", "shutdown"}) {
      result.push_back({event, action});
    }
  }
  return result;
}
INSTANTIATE_TEST_SUITE_P(all, stream_event, testing::ValuesIn(every_inside()), [](auto& in) {
  return std::string(in.param.event) + "_" + in.param.action;
});

TEST_P(stream_event, may_do_anything_to_its_stream) {
  const std::string event = GetParam().event, action = GetParam().action;
  auto pair = connect_pair();
  auto events = std::make_unique<recorder>();
  bool done = false;
  int after = 0;  // events that came although none should
  events->at = [&](const std::string& seen) {
    const bool expected = seen == event || (event == "late_error" && seen == "on_error");
    if (done) ++after;
    if (!expected || std::exchange(done, true)) return;
    if (action == "destroy") {
      pair.server.reset();
      events.reset();
    } else if (action == "detach") {
      pair.server->set_events(nullptr);
      events.reset();
    } else if (action == "abort") {
      pair.server->abort();
      events.reset();
    } else if (action == "stop") {
      pair.server->stop_reading();
    } else {
      pair.server->shutdown();
    }
  };
  pair.server->set_events(events.get());
  if (event != "late_error") pair.server->start_reading();
  if (event == "read_space" || event == "on_data") try_write(*pair.client, pattern(200'000));
  if (event == "on_eof") pair.client->shutdown();
  if (event == "on_error") pair.client->abort();
  if (event == "on_written") {
    pair.server->write(buffer(as_bytes("x")));
    try_write(*pair.client, "y");
  }
  if (event == "late_error") {
    pair.client->abort();
    run_rounds();
    try_write(*pair.server, "dead");
  }
  run_until([&] { return done; });
  run_rounds();
  if (action != "shutdown" && action != "stop") {
    EXPECT_EQ(after, 0);
  }
}

TEST_P(stream_over, thousand_opened_and_aborted_leave_nothing) {
  auto cycle = [this](int times) {
    for (int i = 0; i < times; ++i) {
      auto pair = connect_pair();
      recorder client, server;
      pair.client->set_events(&client);
      pair.server->set_events(&server);
      pair.client->start_reading();
      pair.server->start_reading();
      pair.client->write(buffer(as_bytes(pattern(10'000))));
      if (i % 3 == 0) run_rounds(1);
      (i % 2 == 0 ? pair.client : pair.server)->abort();
      if (i % 5 == 0) run_rounds(1);
    }
    run_rounds();
  };
  cycle(200);
  const int descriptors = test::open_descriptors();
  test::memory_growth memory;
  cycle(1'000);
  EXPECT_EQ(test::open_descriptors(), descriptors);
  memory.expect_below(256 * 1'024);
}

}  // namespace
}  // namespace duplex::io
