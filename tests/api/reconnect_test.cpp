// Connecting again and again, with either client; no wait is longer than a millisecond.
#include <duplex/reconnecting.hpp>

#include <atomic>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <duplex/sync/reconnecting.hpp>

#include "both_clients.hpp"
#include "support/raw_server.hpp"

namespace duplex::test {
namespace {

constexpr std::string_view unavailable =
    "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n";

reconnect_options quickly() { return {.initial_delay = 1ms, .min_delay = 1ms, .max_delay = 1ms}; }

class reconnects : public both_clients {
 protected:
  /// Takes `count` connections and gives the first message of each; or what was thrown, in words.
  std::vector<std::string> messages_of(const std::string& uri, int count, reconnect_options again,
                                       const connect_options& options = {}, limit limit = {}) {
    std::vector<std::string> messages;
    std::string failure = "none";
    if (GetParam() == client_kind::blocking) {
      failure = failure_now([&] {
        sync::reconnecting feed(uri, options, std::move(again));
        for (int i = 0; i < count; ++i) {
          auto ws = feed.next(limit);
          messages.emplace_back(ws.recv().text());
        }
      });
    } else {
      run_test([&]() -> task<> {
        failure = co_await failure_of([&]() -> task<> {
          reconnecting feed(uri, options, std::move(again));
          for (int i = 0; i < count; ++i) {
            auto ws = co_await feed.next(limit);
            auto received = co_await ws.recv();
            messages.emplace_back(received.text());
            co_await ws.close();
          }
        });
      });
    }
    if (failure != "none") messages.push_back(failure);
    return messages;
  }
};
DUPLEX_WITH_BOTH_CLIENTS(reconnects);

TEST_P(reconnects, until_the_server_is_there_again) {
  std::atomic<int> attempts = 0;
  raw_server server([&](raw_peer& peer) {
    switch (++attempts) {
      case 1:
        return peer.reset();
      case 2:
        peer.read_until("\r\n\r\n");
        return peer.half_close();
      case 3:
        peer.read_until("\r\n\r\n");
        peer.write(unavailable);
        peer.read_some();
        return;
      default:
        peer.accept_handshake();
        peer.send("hello " + std::to_string(attempts));
        return peer.finish();
    }
  });
  std::vector<std::string> lines;
  const logger log = [&](const log_record& record) {
    if (record.message.starts_with("connect failed")) lines.emplace_back(record.message);
  };
  EXPECT_EQ(messages_of(server.uri(), 3, quickly(), {.logger = &log}),
            (std::vector<std::string>{"hello 4", "hello 5", "hello 6"}));
  ASSERT_EQ(lines.size(), 3);
  for (const auto& line : lines) {
    EXPECT_TRUE(line.starts_with("connect failed; reconnecting in 0.0 seconds: ")) << line;
  }
  EXPECT_TRUE(lines[2].ends_with("HTTP 503 Service Unavailable")) << lines[2];
}

// The wait would be an hour.
TEST_P(reconnects, not_at_once_to_a_server_that_accepts_and_closes) {
  std::atomic<int> attempts = 0;
  raw_server server([&](raw_peer& peer) {
    ++attempts;
    peer.accept_handshake();
    peer.send("hello");
    peer.finish();
  });
  std::stop_source stop;
  std::string line;
  const logger log = [&](const log_record& record) {
    if (!record.message.starts_with("connection ended")) return;
    line = record.message;
    stop.request_stop();
  };
  const reconnect_options hours{.min_delay = std::chrono::hours(1)};
  EXPECT_EQ(messages_of(server.uri(), 2, hours, {.logger = &log}, stop.get_token()),
            (std::vector<std::string>{"hello", "canceled"}));
  EXPECT_TRUE(line.starts_with("connection ended after 0.")) << line;
  EXPECT_EQ(attempts, 1);
}

TEST_P(reconnects, not_where_it_cannot_help) {
  std::atomic<int> attempts = 0;
  raw_server server([&](raw_peer& peer) {
    ++attempts;
    peer.read_until("\r\n\r\n");
    peer.write("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
    peer.read_some();
  });
  EXPECT_EQ(messages_of(server.uri(), 1, quickly()),
            (std::vector<std::string>{
                "invalid status: server rejected WebSocket connection: HTTP 404 Not Found"}));
  EXPECT_EQ(attempts, 1);
}

TEST_P(reconnects, as_the_application_judges) {
  int judged = 0;
  auto again = quickly();
  again.process_exception = [&](std::exception_ptr problem) {
    return ++judged < 3 ? nullptr : problem;
  };
  raw_server server([](raw_peer& peer) {
    peer.read_until("\r\n\r\n");
    peer.write("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
    peer.read_some();
  });
  EXPECT_EQ(messages_of(server.uri(), 1, again).back(),
            "invalid status: server rejected WebSocket connection: HTTP 404 Not Found");
  EXPECT_EQ(judged, 3);
}

// The wait would be an hour.
TEST_P(reconnects, until_its_limit) {
  raw_server server([](raw_peer& peer) { peer.reset(); });
  reconnect_options hours{
      .initial_delay = 0s, .min_delay = std::chrono::hours(1), .max_delay = std::chrono::hours(1)};
  const auto outcome = messages_of(server.uri(), 1, hours, {}, limit(50ms)).back();
  EXPECT_TRUE(outcome.starts_with("timeout: reconnecting timed out: ")) << outcome;
}

// Of the two limits that of the call is the one that is told.
TEST_P(reconnects, until_its_limit_during_an_attempt) {
  raw_server server([](raw_peer& peer) {
    while (!peer.read_some().empty()) continue;
  });
  const auto outcome = messages_of(server.uri(), 1, quickly(), {}, limit(50ms)).back();
  EXPECT_TRUE(outcome.starts_with("timeout: reconnecting timed out: ")) << outcome;
  EXPECT_TRUE(outcome.ends_with(" timed out")) << outcome;
}

TEST_P(reconnects, until_it_is_stopped) {
  std::stop_source stop;
  const logger log = [&](const log_record& record) {
    if (record.message.starts_with("connect failed")) stop.request_stop();
  };
  raw_server server([](raw_peer& peer) { peer.reset(); });
  reconnect_options hours{
      .initial_delay = 0s, .min_delay = std::chrono::hours(1), .max_delay = std::chrono::hours(1)};
  EXPECT_EQ(messages_of(server.uri(), 1, hours, {.logger = &log}, stop.get_token()).back(),
            "canceled");
}

TEST_P(reconnects, with_options_of_its_own) {
  std::string head;
  raw_server server([&](raw_peer& peer) {
    peer.accept_handshake("v2");
    head = peer.request().headers.get("X-Feed").value_or("none");
    peer.send("hello");
    peer.finish();
  });
  const auto outcome = [&] {
    std::string value = "a value that is gone when the connection is made";
    const std::string subprotocol = "v2";
    const header_view header{"X-Feed", value};
    auto messages = messages_of(server.uri(), 1, quickly(),
                                {.subprotocols = {subprotocol}, .additional_headers = {header}});
    value.assign(value.size(), 'x');
    return messages;
  }();
  EXPECT_EQ(outcome, std::vector<std::string>{"hello"});
  server.stop();
  EXPECT_EQ(head, "a value that is gone when the connection is made");
}

TEST_P(reconnects, never_with_a_socket_that_is_one_connection) {
  EXPECT_EQ(messages_of("ws://x", 1, quickly(), {.sock = 0}),
            std::vector<std::string>{"invalid argument: sock must be empty where one reconnects"});
}

}  // namespace
}  // namespace duplex::test
