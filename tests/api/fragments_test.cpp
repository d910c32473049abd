// Messages sent and received in fragments.
#include <array>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "support.hpp"

namespace duplex::test {
namespace {

using strings = std::vector<std::string>;

std::string frame(std::string payload, bool fin, unsigned opcode) {
  return to_wire(side::client,
                 wire_frame{.opcode = opcode, .payload = std::move(payload), .fin = fin});
}
std::string begin(std::string payload) { return frame(std::move(payload), false, 1); }
std::string go_on(std::string payload) { return frame(std::move(payload), false, 0); }
std::string finish(std::string payload) { return frame(std::move(payload), true, 0); }

// --- receiving

// Writes down the fragments of one message, and "end".
task<> receive_one(connection& ws, strings& to) {
  auto incoming = co_await ws.recv_streaming();
  while (auto fragment = co_await incoming.next()) to.emplace_back(fragment->text());
  to.emplace_back("end");
}

TEST(recv_streaming, gives_fragments_as_they_come) {
  memory_connection link;
  strings got;
  link.start([&]() -> task<> { co_await receive_one(link.ws(), got); });
  link.feed(begin("Hel"));
  EXPECT_EQ(got, strings{"Hel"});
  link.feed(go_on("lo"));
  link.feed(ping_frame(side::client, "p"));
  EXPECT_EQ(link.frames(), strings{"pong p"});
  link.feed(finish(""));
  EXPECT_EQ(got, (strings{"Hel", "lo", "end"}));
}

TEST(recv_streaming, gives_messages_that_came_before_whole) {
  memory_connection link;
  link.feed_text("one");
  link.feed_text("two");
  strings got;
  link.start([&]() -> task<> {
    co_await receive_one(link.ws(), got);
    auto second = co_await link.ws().recv();
    got.emplace_back(second.text());
  });
  link.peer.pump();
  EXPECT_EQ(got, (strings{"one", "end", "two"}));
}

TEST(recv_streaming, may_begin_in_the_middle_of_a_message) {
  memory_connection link;
  link.feed(begin("ab"));
  strings got;
  link.start([&]() -> task<> { co_await receive_one(link.ws(), got); });
  link.feed(finish("c"));
  std::string all;
  for (const auto& each : got) all += each;
  EXPECT_EQ(all, "abcend");
}

TEST(recv_streaming, that_is_given_up_skips_the_rest_of_the_message) {
  memory_connection link;
  strings got;
  link.start([&]() -> task<> {
    {
      auto incoming = co_await link.ws().recv_streaming();
      auto fragment = co_await incoming.next();
      got.emplace_back(fragment->text());
    }
    auto whole = co_await link.ws().recv();
    got.emplace_back(whole.text());
    { auto incoming = co_await link.ws().recv_streaming(); }
    co_await receive_one(link.ws(), got);
  });
  link.feed(begin("a"));
  link.feed(go_on("b"));
  link.feed(finish("c"));
  link.feed_text("next");
  link.feed_text("skipped");
  link.feed(begin("d"));
  link.feed(finish(""));
  EXPECT_EQ(got, (strings{"a", "next", "d", "end"}));
}

TEST(recv_streaming, then_recv_puts_what_has_begun_together) {
  memory_connection link;
  strings got;
  link.start([&]() -> task<> {
    co_await receive_one(link.ws(), got);
    co_await pass();
    auto whole = co_await link.ws().recv();
    got.emplace_back(whole.text());
  });
  link.feed(begin("a") + finish("b") + begin("c"));
  link.feed(go_on("d"));
  link.feed(finish("e"));
  EXPECT_EQ(got, (strings{"ab", "end", "cde"}));
}

TEST(recv_streaming, then_recv_keeps_to_max_size) {
  memory_connection link({.settings = {.max_size = 3, .ping_interval = {}, .ping_timeout = {}}});
  std::string end;
  link.start([&]() -> task<> {
    strings got;
    co_await receive_one(link.ws(), got);
    co_await sleep_for(1ms);
    auto receiving = [&]() -> task<> { co_await link.ws().recv(); };
    end = co_await failure_of(receiving);
  });
  link.feed(begin("more than three") + finish("") + begin("four"));
  ASSERT_TRUE(link.run_until([&] { return link.ws().state() != state::open; }));
  EXPECT_EQ(link.frames(),
            strings{"close 1009 message of at least 4 bytes exceeds limit of 3 bytes"});
  link.ws().abort();
  ASSERT_TRUE(link.run_until([&] { return !end.empty(); }));
}

TEST(recv_streaming, of_a_message_of_any_size_needs_little_memory) {
  memory_connection link({.settings = {.max_size = 1000, .ping_interval = {}, .ping_timeout = {}},
                          .read_limit = 1 << 12});
  std::size_t total = 0, most = 0;
  link.start([&]() -> task<> {
    auto incoming = co_await link.ws().recv_streaming();
    while (auto fragment = co_await incoming.next()) {
      total += fragment->size();
      most = std::max(most, fragment->size());
      co_await sleep_for(0ns);
    }
  });
  link.peer.send(frame(std::string(1'000'000, 'x'), true, 1), 1000);
  ASSERT_TRUE(link.run_until([&] { return total == 1'000'000; }));
  EXPECT_LE(most, 1u << 12);
}

TEST(recv_streaming, stops_reading_where_nobody_takes_the_fragments) {
  memory_connection link({.read_limit = 1 << 12});
  strings got;
  link.start([&]() -> task<> {
    auto incoming = co_await link.ws().recv_streaming();
    co_await link.ws().wait_closed();
  });
  link.feed(frame(std::string(1'000'000, 'x'), true, 1), 1000);
  EXPECT_FALSE(link.peer.reading());
  EXPECT_GT(link.peer.unread(), 900'000u);
  link.ws().abort();
}

TEST(recv_streaming, ends_with_the_connection_inside_a_message) {
  memory_connection link;
  strings got;
  std::string end;
  link.start([&]() -> task<> {
    auto receiving = [&]() -> task<> { co_await receive_one(link.ws(), got); };
    end = co_await failure_of(receiving);
  });
  link.feed(begin("ab"));
  link.peer.send_eof();
  link.peer.pump();
  EXPECT_EQ(got, strings{"ab"});
  EXPECT_EQ(end, "closed error: no close frame received or sent");
}

TEST(recv_streaming, is_for_one_coroutine) {
  memory_connection link;
  strings ends;
  link.start([&]() -> task<> {
    auto incoming = co_await link.ws().recv_streaming();
    auto receiving = [&]() -> task<> { co_await link.ws().recv(); };
    ends.push_back(co_await failure_of(receiving));
    auto streaming = [&]() -> task<> { co_await link.ws().recv_streaming(); };
    ends.push_back(co_await failure_of(streaming));
  });
  link.feed(begin("a"));
  const std::string refused =
      "concurrency: another coroutine receives from this connection already";
  EXPECT_EQ(ends, (strings{refused, refused}));
}

TEST(recv_streaming, past_its_limit_harms_nothing) {
  memory_connection link;
  strings ends, got;
  link.start([&]() -> task<> {
    auto streaming = [&]() -> task<> { co_await link.ws().recv_streaming(1ms); };
    ends.push_back(co_await failure_of(streaming));
    auto incoming = co_await link.ws().recv_streaming();
    auto first = co_await incoming.next();
    got.emplace_back(first->text());
    auto next = [&]() -> task<> { co_await incoming.next(1ms); };
    ends.push_back(co_await failure_of(next));
    auto second = co_await incoming.next();
    got.emplace_back(second->text());
  });
  ASSERT_TRUE(link.run_until([&] { return ends.size() == 1; }));
  link.feed(begin("a"));
  ASSERT_TRUE(link.run_until([&] { return ends.size() == 2; }));
  link.feed(finish("b"));
  EXPECT_EQ(ends, (strings{"timeout: receiving timed out", "timeout: receiving timed out"}));
  EXPECT_EQ(got, (strings{"a", "b"}));
}

// --- sending

TEST(fragments, of_a_range_are_one_message) {
  memory_connection link;
  const std::vector<std::string> words{"one ", "two ", "three"};
  const std::array<std::span<const std::byte>, 1> bytes{as_bytes("b")};
  link.start([&]() -> task<> {
    co_await link.ws().send(words);
    co_await link.ws().send(bytes);
    co_await link.ws().send("whole");
  });
  EXPECT_EQ(link.frames(), (strings{"text one ", "continuation two ", "continuation three",
                                    "continuation ", "binary b", "continuation ", "text whole"}));
  EXPECT_EQ(link.ws().stats().messages_sent, 3u);
}

TEST(fragments, may_cut_a_text_inside_a_character) {
  memory_connection link;
  const std::vector<std::string> halves{"\xe2\x82", "\xac"};
  link.start([&]() -> task<> { co_await link.ws().send(halves); });
  EXPECT_EQ(link.frames().size(), 3u);
}

TEST(fragments, none_at_all_send_nothing) {
  memory_connection link;
  const std::vector<std::string> none;
  link.start([&]() -> task<> { co_await link.ws().send(none); });
  EXPECT_EQ(link.frames(), strings{});
}

TEST(fragments, of_a_source_leave_as_they_are_made_and_hold_back_messages_alone) {
  memory_connection link;
  int made = 0;
  coro::wait_queue ready;
  auto source = [&]() -> task<std::optional<message>> {
    if (made == 2) co_return std::nullopt;
    if (made == 1) {
      coro::wait waiting(coro::executor::current(), ready);
      co_await waiting;
    }
    co_return message(std::to_string(made++));
  };
  link.start([&]() -> task<> { co_await link.ws().send(source); });
  EXPECT_EQ(link.frames(), strings{"text 0"});
  link.start([&]() -> task<> { co_await link.ws().send("whole"); });
  const std::vector<std::string> other{"other"};
  link.start([&]() -> task<> { co_await link.ws().send(other); });
  link.ws().pong(as_bytes("p"));
  link.feed(ping_frame(side::client, "q"));
  EXPECT_EQ(link.frames(), (strings{"pong p", "pong q"}));
  EXPECT_EQ(link.ws().buffered_amount(), 5u);
  ready.wake_all();
  EXPECT_EQ(link.frames(), (strings{"continuation 1", "continuation ", "text whole", "text other",
                                    "continuation "}));
}

TEST(fragments, held_back_messages_count_for_write_limit) {
  memory_connection link({.write_limit = {1000, 100}});
  coro::wait_queue ready;
  int made = 0, sent = 0;
  auto source = [&]() -> task<std::optional<message>> {
    if (++made == 3) co_return std::nullopt;
    if (made == 2) {
      coro::wait waiting(coro::executor::current(), ready);
      co_await waiting;
    }
    co_return message(std::string_view("x"));
  };
  link.start([&]() -> task<> { co_await link.ws().send(source); });
  link.peer.pump();
  link.start([&]() -> task<> {
    for (; sent < 10; ++sent) co_await link.ws().send(std::string(600, 'y'));
  });
  link.peer.pump();
  EXPECT_EQ(sent, 1) << "the second waits";
  ready.wake_all();
  EXPECT_EQ(link.frames().size(), 13u);
  EXPECT_EQ(sent, 10);
}

TEST(fragments, that_fail_half_way_close_with_1011) {
  const std::vector<std::pair<std::string, strings>> bad{
      {"a text message must be valid UTF-8", {"good", "\xff"}},
      {"a text message must be valid UTF-8", {"good", "\xe2\x82"}}};
  for (const auto& each : bad) {
    const auto& problem = each.first;
    const auto& fragments = each.second;
    memory_connection link;
    std::string end;
    link.start([&]() -> task<> {
      auto sending = [&]() -> task<> { co_await link.ws().send(fragments); };
      end = co_await failure_of(sending);
    });
    const auto frames = link.frames();
    EXPECT_EQ(end, "invalid argument: " + problem);
    EXPECT_EQ(frames.back(), "close 1011 a message could not be finished");
  }
}

TEST(fragments, of_two_types_and_a_source_that_throws_close_with_1011) {
  memory_connection link;
  int made = 0;
  auto source = [&]() -> task<std::optional<message>> {
    if (++made == 1) co_return message(std::string_view("text"));
    co_return message(as_bytes("binary"));
  };
  std::string end;
  link.start([&]() -> task<> {
    auto sending = [&]() -> task<> { co_await link.ws().send(source); };
    end = co_await failure_of(sending);
  });
  EXPECT_EQ(link.frames(), (strings{"text text", "close 1011 a message could not be finished"}));
  EXPECT_EQ(end, "invalid argument: the fragments of a message must all be text, or all binary");

  memory_connection other;
  made = 0;
  auto throwing = [&]() -> task<std::optional<message>> {
    if (++made == 1) co_return message(std::string_view("text"));
    throw std::runtime_error("no more");
  };
  other.start([&]() -> task<> {
    auto sending = [&]() -> task<> { co_await other.ws().send(throwing); };
    end = co_await failure_of(sending);
  });
  EXPECT_EQ(other.frames(), (strings{"text text", "close 1011 a message could not be finished"}));
  EXPECT_EQ(end, "other: no more");
}

TEST(fragments, that_fail_before_the_first_harm_nothing) {
  memory_connection link;
  const strings bad{"\xff"};
  std::string end;
  link.start([&]() -> task<> {
    auto sending = [&]() -> task<> { co_await link.ws().send(bad); };
    end = co_await failure_of(sending);
    co_await link.ws().send("still there");
  });
  EXPECT_EQ(link.frames(), strings{"text still there"});
  EXPECT_EQ(end, "invalid argument: a text message must be valid UTF-8");
}

TEST(fragments, past_their_limit_close_with_1011) {
  memory_connection link({.write_limit = {1000, 100}});
  link.peer.set_room(0);
  const strings large{std::string(2000, 'x'), "y"};
  std::string end;
  link.start([&]() -> task<> {
    auto sending = [&]() -> task<> { co_await link.ws().send(large, {}, 1ms); };
    end = co_await failure_of(sending);
  });
  ASSERT_TRUE(link.run_until([&] { return !end.empty(); }));
  EXPECT_EQ(end, "timeout: sending timed out");
  link.peer.set_room(memory_peer::unlimited);
  EXPECT_EQ(link.frames().back(), "close 1011 a message could not be finished");
}

TEST(fragments, wait_for_their_turn_no_longer_than_their_limit) {
  memory_connection link;
  coro::wait_queue never;
  int made = 0;
  auto source = [&]() -> task<std::optional<message>> {
    if (++made == 1) co_return message(std::string_view("first"));
    coro::wait waiting(coro::executor::current(), never);
    co_await waiting;
    co_return std::nullopt;
  };
  link.start([&]() -> task<> { co_await link.ws().send(source); });
  link.peer.pump();
  const strings second{"second"};
  std::string end;
  link.start([&]() -> task<> {
    auto sending = [&]() -> task<> { co_await link.ws().send(second, {}, 1ms); };
    end = co_await failure_of(sending);
  });
  ASSERT_TRUE(link.run_until([&] { return !end.empty(); }));
  EXPECT_EQ(end, "timeout: sending timed out");
  EXPECT_EQ(link.ws().state(), state::open) << "nothing of it had been sent";
  never.wake_all();
  EXPECT_EQ(link.frames(), (strings{"text first", "continuation "}));
}

TEST(broadcast, waits_behind_a_fragmented_message) {
  memory_connection link;
  coro::wait_queue ready;
  int made = 0;
  auto source = [&]() -> task<std::optional<message>> {
    if (++made == 1) co_return message(std::string_view("begun"));
    coro::wait waiting(coro::executor::current(), ready);
    co_await waiting;
    co_return std::nullopt;
  };
  link.start([&]() -> task<> { co_await link.ws().send(source); });
  link.peer.pump();
  link.ws().post_send("one");
  link.ws().post_send("old", {.slow = slow_consumer::latest_only});
  link.ws().post_send("new", {.slow = slow_consumer::latest_only});
  run_posted();
  EXPECT_EQ(link.frames(), strings{"text begun"});
  ready.wake_all();
  EXPECT_EQ(link.frames(), (strings{"continuation ", "text one", "text new"}));
}

}  // namespace
}  // namespace duplex::test
