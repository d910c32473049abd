// A peer that does not read makes send wait; an application that does not receive pauses reading.
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "support.hpp"

namespace duplex::test {
namespace {

const std::string hundred(100, 'x');  // 102 bytes as a server's frame
constexpr std::size_t frame_size = 102;

// --- out

struct unread_connection : memory_connection {
  unread_connection() : memory_connection({.write_limit = {1000, 250}}) { peer.set_room(0); }

  // Sends `count` messages, one waiting for the other, and tells how many sends are over.
  void send(int count) {
    start([this, count]() -> task<> {
      for (int i = 0; i < count; ++i) {
        co_await ws().send(hundred);
        ++sent;
      }
    });
    peer.pump();
  }
  int sent = 0;
};

TEST(send, waits_above_the_high_mark_and_not_at_it) {
  unread_connection connection;
  connection.send(20);
  EXPECT_EQ(connection.sent, 9);  // the tenth makes it 1020 bytes
  EXPECT_EQ(connection.ws().buffered_amount(), 10 * frame_size);

  memory_connection at_mark({.write_limit = {10 * frame_size, 0}});
  at_mark.peer.set_room(0);
  at_mark.start([&]() -> task<> {
    for (int i = 0; i < 10; ++i) co_await at_mark.ws().send(hundred);
  });
  at_mark.peer.pump();
  EXPECT_EQ(at_mark.tasks.running(), 0u);
}

TEST(send, goes_on_at_the_low_mark_and_not_before) {
  unread_connection connection;
  connection.send(8);  // taken by the stream, not yet by the socket
  EXPECT_EQ(connection.sent, 8);
  connection.send(2);
  EXPECT_EQ(connection.sent, 9);
  connection.peer.make_room(8 * frame_size - 1);
  connection.peer.pump();
  EXPECT_EQ(connection.sent, 9);
  connection.peer.make_room(1);
  connection.peer.pump();
  EXPECT_EQ(connection.sent, 10);
  EXPECT_EQ(connection.ws().buffered_amount(), 2 * frame_size);

  unread_connection above;
  above.send(7);
  above.send(3);
  EXPECT_EQ(above.sent, 9);
  above.peer.make_room(7 * frame_size);
  above.peer.pump();
  EXPECT_EQ(above.ws().buffered_amount(), 3 * frame_size);  // above the low mark of 250
  EXPECT_EQ(above.sent, 9);
  above.peer.make_room(3 * frame_size);
  above.peer.pump();
  EXPECT_EQ(above.sent, 10);
}

TEST(send, wakes_all_that_wait_and_keeps_their_order) {
  unread_connection connection;
  std::vector<std::string> expected;
  for (int i = 0; i < 5; ++i) {
    expected.push_back("text " + std::string(600, static_cast<char>('a' + i)));
    connection.start([&connection, i]() -> task<> {
      const std::string payload(600, static_cast<char>('a' + i));
      co_await connection.ws().send(payload);
      ++connection.sent;
    });
  }
  connection.peer.pump();
  EXPECT_EQ(connection.sent, 1);
  connection.peer.set_room(memory_peer::unlimited);
  EXPECT_EQ(connection.frames(), expected);
  EXPECT_EQ(connection.sent, 5);
}

TEST(send, that_waits_ends_when_the_peer_resets) {
  unread_connection connection;
  std::string end;
  connection.start([&]() -> task<> {
    end = co_await failure_of([&]() -> task<> {
      for (;;) co_await connection.ws().send(hundred);
    });
  });
  connection.peer.pump();
  EXPECT_EQ(end, "");
  connection.peer.break_transport();
  connection.peer.pump();
  EXPECT_EQ(end, "closed error: no close frame received or sent");
}

TEST(send, never_waits_without_a_limit) {
  memory_connection connection({.write_limit = std::nullopt});
  connection.peer.set_room(0);
  connection.start([&]() -> task<> {
    for (int i = 0; i < 10'000; ++i) co_await connection.ws().send(hundred);
  });
  connection.peer.pump();
  EXPECT_EQ(connection.tasks.running(), 0u);
  EXPECT_EQ(connection.ws().buffered_amount(), 10'000 * frame_size);
}

// --- in

// Numbered messages, each arriving by itself; those are told from one another by their text.
void queue_messages(memory_connection& connection, int count, std::size_t padding = 0) {
  for (int i = 0; i < count; ++i) {
    connection.peer.send(text_frame(side::client, std::to_string(i) + std::string(padding, ' ')));
  }
}

void expect_all(memory_connection& connection, int count) {
  std::vector<int> received;
  connection.start([&]() -> task<> {
    for (int i = 0; i < count; ++i) {
      auto message = co_await connection.ws().recv();
      received.push_back(std::stoi(std::string(message.text())));
    }
  });
  connection.peer.pump();
  ASSERT_EQ(received.size(), static_cast<std::size_t>(count));
  for (int i = 0; i < count; ++i) EXPECT_EQ(received[static_cast<std::size_t>(i)], i);
}

TEST(reading, pauses_at_the_high_mark_and_its_look_ahead) {
  constexpr std::size_t cost = 10 + sizeof(message), look_ahead = 4 * cost;
  memory_connection connection({.max_queue = {8, 2}, .read_limit = look_ahead});
  for (int i = 0; i < 100; ++i) connection.peer.send(text_frame(side::client, "0123456789"));
  const auto all = connection.peer.unread();
  connection.peer.pump();
  EXPECT_FALSE(connection.peer.reading());
  EXPECT_EQ(all - connection.peer.unread(), 12u * 16);
}

TEST(reading, pauses_at_the_byte_bound) {
  memory_connection connection({.bytes_max = 10'000});
  for (int i = 0; i < 100; ++i) connection.peer.send(text_frame(side::client, hundred));
  const auto all = connection.peer.unread();
  connection.peer.pump();
  EXPECT_FALSE(connection.peer.reading());
  const auto messages =
      (10'000 + hundred.size() + sizeof(message) - 1) / (hundred.size() + sizeof(message));
  EXPECT_EQ(all - connection.peer.unread(), messages * 106);
}

TEST(reading, goes_on_at_the_low_mark_and_loses_nothing) {
  memory_connection connection({.max_queue = {8, 2}, .read_limit = 1});
  queue_messages(connection, 100);
  connection.peer.pump();
  ASSERT_FALSE(connection.peer.reading());
  const auto unread = connection.peer.unread();
  std::vector<std::string> received;
  const auto receive = [&](int count) {
    connection.start([&connection, &received, count]() -> task<> {
      for (int i = 0; i < count; ++i) {
        auto message = co_await connection.ws().recv();
        received.emplace_back(message.text());
      }
    });
    connection.peer.pump();
  };
  receive(6);  // of nine: the mark and one to look ahead
  EXPECT_EQ(connection.peer.unread(), unread);
  receive(1);
  EXPECT_LT(connection.peer.unread(), unread);
  receive(93);
  ASSERT_EQ(received.size(), 100u);
  for (std::size_t i = 0; i < 100; ++i) EXPECT_EQ(received[i], std::to_string(i));
}

TEST(reading, loses_nothing_of_a_read_that_held_more_than_the_inbox_takes) {
  for (const std::size_t chunk :
       {std::size_t{1}, std::size_t{7}, std::size_t{1000}, memory_peer::unlimited}) {
    memory_connection connection({.max_queue = {2, 1}, .bytes_max = 1});
    std::string bytes;
    for (int i = 0; i < 200; ++i) bytes += text_frame(side::client, std::to_string(i));
    connection.feed(bytes, chunk);
    EXPECT_FALSE(connection.peer.reading());
    expect_all(connection, 200);
    EXPECT_TRUE(connection.peer.reading());
  }
}

TEST(pings, are_answered_within_the_look_ahead_of_a_full_inbox) {
  memory_connection connection({.max_queue = {4, 1}, .read_limit = 200});
  queue_messages(connection, 4);
  connection.peer.pump();
  connection.feed(ping_frame(side::client, "alive?"));
  EXPECT_EQ(connection.frames(), std::vector<std::string>{"pong alive?"});
  queue_messages(connection, 10, 100);
  connection.feed(ping_frame(side::client, "too far"));
  EXPECT_FALSE(connection.peer.reading());
  EXPECT_EQ(connection.frames(), std::vector<std::string>{});
}

TEST(pings, that_wait_behind_a_full_inbox_are_answered_in_order_when_it_has_room) {
  memory_connection connection({.max_queue = {1, 0}, .bytes_max = 1});
  connection.feed(text_frame(side::client, "0") + ping_frame(side::client, "a") +
                  text_frame(side::client, "1") + ping_frame(side::client, "b"));
  EXPECT_EQ(connection.frames(), std::vector<std::string>{});
  expect_all(connection, 1);
  EXPECT_EQ(connection.frames(), std::vector<std::string>{"pong a"});
  connection.start([&]() -> task<> {
    auto message = co_await connection.ws().recv();
    EXPECT_EQ(message.text(), "1");
  });
  EXPECT_EQ(connection.frames(), std::vector<std::string>{"pong b"});
}

TEST(peer_that_never_reads, costs_no_more_than_both_limits) {
  memory_connection connection(
      {.max_queue = {4, 1}, .bytes_max = 4000, .write_limit = 5000, .read_limit = 500});
  connection.start([&]() -> task<> { co_await echo(connection.ws()); });
  connection.peer.set_room(0);
  for (int i = 0; i < 1000; ++i) connection.peer.send(text_frame(side::client, hundred));
  connection.peer.pump();
  EXPECT_FALSE(connection.peer.reading());
  EXPECT_GT(connection.ws().buffered_amount(), 5000u);
  EXPECT_LE(connection.ws().buffered_amount(), 5000u + frame_size);
  EXPECT_GT(connection.peer.unread(), 900 * frame_size);
  // It reads at last, and gets every answer.
  connection.peer.set_room(memory_peer::unlimited);
  EXPECT_EQ(connection.frames().size(), 1000u);
}

TEST(peer_that_never_reads, is_dropped_though_reading_is_paused) {
  for (const side own : {side::server, side::client}) {
    protocol::connection_settings settings{
        .ping_interval = 5ms, .ping_timeout = 5ms, .close_timeout = {}};
    memory_connection connection({.side = own,
                                  .settings = settings,
                                  .max_queue = {4, 1},
                                  .write_limit = 1000,
                                  .read_limit = 500});
    std::string end;
    connection.start([&]() -> task<> {
      end = co_await failure_of([&]() -> task<> { co_await echo(connection.ws()); });
    });
    connection.peer.set_room(0);
    for (int i = 0; i < 100; ++i) {
      connection.peer.send(text_frame(connection.far_side(), hundred));
    }
    connection.peer.pump();
    ASSERT_FALSE(connection.peer.reading());
    ASSERT_TRUE(connection.run_until([&] { return connection.peer.aborted(); }));
    EXPECT_EQ(end,
              "closed error: sent 1011 (internal error) keepalive timeout: the peer reads nothing; "
              "no close frame received");
  }
}

TEST(reset, while_reading_is_paused_ends_a_send_that_waits) {
  memory_connection connection({.max_queue = {1, 0}, .bytes_max = 1, .write_limit = 1000});
  std::string end;
  connection.start([&]() -> task<> {
    end = co_await failure_of([&]() -> task<> {
      for (;;) co_await connection.ws().send(hundred);
    });
  });
  connection.peer.set_room(0);
  std::string bytes;
  for (int i = 0; i < 20; ++i) bytes += text_frame(side::client, std::to_string(i));
  connection.feed(bytes);
  ASSERT_FALSE(connection.peer.reading());
  connection.peer.break_transport();
  connection.peer.pump();
  EXPECT_EQ(end, "closed error: no close frame received or sent");
  EXPECT_EQ(connection.ws().state(), state::closed);
  expect_all(connection, 20);
}

TEST(reset, while_reading_is_paused_leaves_what_was_received_to_be_read) {
  memory_connection connection({.max_queue = {1, 0}, .bytes_max = 1});
  std::string bytes;
  for (int i = 0; i < 20; ++i) bytes += text_frame(side::client, std::to_string(i));
  connection.feed(bytes);
  connection.peer.break_transport();
  connection.peer.pump();
  expect_all(connection, 20);
  connection.start([&]() -> task<> {
    const auto end = co_await failure_of([&]() -> task<> { co_await connection.ws().recv(); });
    EXPECT_EQ(end, "closed error: no close frame received or sent");
  });
  connection.peer.pump();
  EXPECT_EQ(connection.tasks.running(), 0u);
}

TEST(end_of_the_peer, behind_a_full_inbox_is_seen_when_it_has_room) {
  memory_connection connection({.max_queue = {1, 0}, .bytes_max = 1});
  connection.feed(text_frame(side::client, "0") + text_frame(side::client, "1") +
                  close_frame(side::client, 1000, "done"));
  connection.peer.send_eof();
  connection.peer.pump();
  EXPECT_EQ(connection.ws().state(), state::open);
  expect_all(connection, 2);
  EXPECT_EQ(connection.ws().state(), state::closed);
  EXPECT_EQ(connection.ws().close_code(), 1000);
  EXPECT_EQ(connection.ws().close_reason(), "done");
}

TEST(close, finds_the_close_frame_of_the_peer_behind_a_full_inbox) {
  memory_connection connection({.max_queue = {1, 0}, .bytes_max = 1});
  std::string bytes;
  for (int i = 0; i < 20; ++i) bytes += text_frame(side::client, std::to_string(i));
  connection.feed(bytes);
  ASSERT_FALSE(connection.peer.reading());
  connection.start([&]() -> task<> { co_await connection.ws().close(1000); });
  EXPECT_EQ(connection.frames(), std::vector<std::string>{"close 1000"});
  connection.peer.send(close_frame(side::client, 1000));
  connection.peer.send_eof();
  connection.peer.pump();
  EXPECT_EQ(connection.tasks.running(), 0u);
  EXPECT_EQ(connection.ws().state(), state::closed);
  expect_all(connection, 1);  // what was in the inbox
}

// --- keepalive

TEST(keepalive, does_not_kill_while_reading_is_paused_and_does_when_it_is_not) {
  protocol::connection_settings settings{.ping_interval = 10ms, .ping_timeout = 10ms};
  memory_connection connection({.settings = settings, .max_queue = {1, 0}, .bytes_max = 1});
  connection.feed_text("0");
  ASSERT_FALSE(connection.peer.reading());
  std::size_t pings = 0;
  ASSERT_TRUE(connection.run_until([&] {
    for (const auto& each : connection.frames()) pings += each.starts_with("ping ");
    return pings >= 8;
  }));
  EXPECT_EQ(connection.ws().state(), state::open);
  expect_all(connection, 1);
  EXPECT_TRUE(connection.peer.reading());
  std::vector<std::string> frames;
  ASSERT_TRUE(connection.run_until([&] {
    for (auto& each : connection.frames()) frames.push_back(each);
    return connection.ws().state() == state::closed;
  }));
  EXPECT_EQ(frames.back(), "close 1011 keepalive ping timeout");
  EXPECT_TRUE(connection.peer.aborted());
}

TEST(keepalive, takes_any_byte_for_life) {
  protocol::connection_settings settings{.ping_interval = 10ms, .ping_timeout = 500ms};
  memory_connection connection({.settings = settings});
  connection.start([&]() -> task<> { co_await echo(connection.ws()); });
  const auto frame = text_frame(side::client, std::string(125, 'x'));
  // One byte of one message for each ping: 131 of them, far more than a timeout.
  std::size_t sent = 0;
  bool answered = false;
  ASSERT_TRUE(connection.run_until([&] {
    for (const auto& each : connection.frames()) {
      if (!each.starts_with("ping ")) {
        answered = true;
      } else if (sent < frame.size()) {
        connection.peer.send(frame.substr(sent++, 1));
      }
    }
    return answered || connection.ws().state() != state::open;
  }));
  EXPECT_TRUE(answered);
}

TEST(keepalive, measures_the_latency_and_can_be_off) {
  protocol::connection_settings settings{.ping_interval = 5ms, .ping_timeout = {}};
  memory_connection connection({.settings = settings});
  EXPECT_EQ(connection.ws().latency(), std::nullopt);
  ASSERT_TRUE(connection.run_until([&] {
    for (const auto& each : connection.frames()) {
      connection.feed(pong_frame(side::client, each.substr(5)));
    }
    return connection.ws().latency().has_value();
  }));
  EXPECT_GE(*connection.ws().latency(), 0ns);

  memory_connection silent;
  EXPECT_EQ(io::loop::current().next_timer() == std::nullopt, false);  // the other one's
  connection.ws().abort();
  EXPECT_EQ(io::loop::current().next_timer(), std::nullopt);
}

}  // namespace
}  // namespace duplex::test
