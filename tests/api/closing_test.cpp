// The end of a connection, from each side, at each point, and what is seen of it.
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "support.hpp"

namespace duplex::test {
namespace {

class closing_of_side : public testing::TestWithParam<side> {
 protected:
  closing_of_side() : link({.side = GetParam()}) {}
  connection& ws() { return link.ws(); }
  bool is_server() const { return GetParam() == side::server; }
  void feed_close(unsigned code, std::string_view reason = {}) {
    link.feed(close_frame(link.far_side(), code, reason));
  }
  void feed_eof() {
    link.peer.send_eof();
    link.peer.pump();
  }
  std::string receive_failure() {
    std::string end;
    link.start(
        [&]() -> task<> { end = co_await failure_of([&]() -> task<> { co_await ws().recv(); }); });
    link.peer.pump();
    return end;
  }

  memory_connection link;
};

INSTANTIATE_TEST_SUITE_P(both, closing_of_side, testing::Values(side::server, side::client),
                         [](const auto& each) {
                           return each.param == side::server ? "server" : "client";
                         });

TEST_P(closing_of_side, from_here_waits_for_the_close_frame_and_the_end_of_tcp) {
  link.start([&]() -> task<> { co_await ws().close(1000, "bye"); });
  EXPECT_EQ(ws().state(), state::open);  // a task does nothing before it is awaited
  EXPECT_EQ(link.frames(), std::vector<std::string>{"close 1000 bye"});
  EXPECT_EQ(ws().state(), state::closing);
  EXPECT_EQ(ws().close_code(), std::nullopt);
  EXPECT_FALSE(link.peer.shut_down());
  feed_close(1000, "bye");
  EXPECT_EQ(link.tasks.running(), 1u);
  EXPECT_EQ(link.peer.shut_down(), is_server());  // section 7.1.1: the server goes first
  feed_eof();
  EXPECT_EQ(link.tasks.running(), 0u);
  EXPECT_EQ(ws().state(), state::closed);
  EXPECT_EQ(ws().close_code(), 1000);
  EXPECT_EQ(ws().close_reason(), "bye");
  EXPECT_TRUE(link.peer.closed());
  EXPECT_FALSE(link.peer.aborted());
  EXPECT_EQ(receive_failure(), "closed ok: sent 1000 (OK) bye; then received 1000 (OK) bye");
}

TEST_P(closing_of_side, from_there_is_echoed_at_once) {
  feed_close(4000, "their reason");
  EXPECT_EQ(link.frames(), std::vector<std::string>{"close 4000 their reason"});
  EXPECT_EQ(link.peer.shut_down(), is_server());
  feed_eof();
  EXPECT_EQ(receive_failure(),
            "closed error: received 4000 (private use) their reason; then sent 4000 (private use) "
            "their reason");
  EXPECT_EQ(ws().close_code(), 4000);
  EXPECT_EQ(ws().close_reason(), "their reason");
}

TEST_P(closing_of_side, without_a_close_frame_is_1006) {
  feed_eof();
  EXPECT_EQ(ws().state(), state::closed);
  EXPECT_EQ(ws().close_code(), 1006);
  EXPECT_EQ(ws().close_reason(), "");
  EXPECT_EQ(receive_failure(), "closed error: no close frame received or sent");
}

TEST_P(closing_of_side, with_an_empty_close_frame_is_1005) {
  link.feed(to_wire(link.far_side(), wire_frame{.opcode = 8}));
  EXPECT_EQ(link.frames(), std::vector<std::string>{"close"});
  feed_eof();
  EXPECT_EQ(ws().close_code(), 1005);
}

TEST_P(closing_of_side, ends_a_receiver_that_waits) {
  std::string end;
  link.start(
      [&]() -> task<> { end = co_await failure_of([&]() -> task<> { co_await ws().recv(); }); });
  link.peer.pump();
  link.start([&]() -> task<> { co_await ws().close(1001); });
  link.peer.pump();
  EXPECT_EQ(end, "");  // messages may still come
  feed_close(1001);
  EXPECT_EQ(end, "");  // nothing is over before TCP is
  feed_eof();
  EXPECT_EQ(end, "closed ok: sent 1001 (going away); then received 1001 (going away)");
}

TEST_P(closing_of_side, ends_a_send_that_waits) {
  link.peer.set_room(0);
  std::string end;
  link.start([&]() -> task<> {
    end = co_await failure_of([&]() -> task<> {
      const std::string large(200'000, 'x');
      co_await ws().send(large);
    });
  });
  link.peer.pump();
  feed_close(1000);
  EXPECT_EQ(end, "");
  feed_eof();
  EXPECT_EQ(end, "closed ok: received 1000 (OK); then sent 1000 (OK)");
}

TEST_P(closing_of_side, makes_sends_and_pings_wait_for_its_end_and_fail) {
  link.start([&]() -> task<> { co_await ws().close(1000); });
  link.peer.pump();
  std::string sending, pinging;
  link.start([&]() -> task<> {
    sending = co_await failure_of([&]() -> task<> { co_await ws().send("late"); });
  });
  link.start([&]() -> task<> {
    pinging = co_await failure_of([&]() -> task<> { co_await ws().ping(); });
  });
  link.start([&]() -> task<> {
    const auto limited =
        co_await failure_of([&]() -> task<> { co_await ws().send("late", {}, 0s); });
    EXPECT_EQ(limited, "timeout: sending timed out");
    EXPECT_EQ(failure_now([&] { ws().pong(); }),
              "closed error: sent 1000 (OK); no close frame received");
  });
  ASSERT_TRUE(link.run_until([&] { return link.tasks.running() == 3; }));
  EXPECT_EQ(link.frames(), std::vector<std::string>{"close 1000"});
  EXPECT_EQ(sending + pinging, "");
  feed_close(1000);
  feed_eof();
  EXPECT_EQ(sending, "closed ok: sent 1000 (OK); then received 1000 (OK)");
  EXPECT_EQ(pinging, sending);
  link.start([&]() -> task<> {
    const auto late = co_await failure_of([&]() -> task<> { co_await ws().send("late"); });
    EXPECT_EQ(late, "closed ok: sent 1000 (OK); then received 1000 (OK)");
  });
  link.peer.pump();
  EXPECT_EQ(link.tasks.running(), 0u);
}

TEST_P(closing_of_side, twice_is_once_and_the_first_code_counts) {
  for (const std::uint16_t code : {1000, 1001, 4000}) {
    link.start([this, code]() -> task<> { co_await ws().close(code); });
  }
  EXPECT_EQ(link.frames(), std::vector<std::string>{"close 1000"});
  EXPECT_EQ(link.tasks.running(), 3u);
  feed_close(1000);
  feed_eof();
  EXPECT_EQ(link.tasks.running(), 0u);
  link.start([&]() -> task<> { co_await ws().close(1011); });
  link.peer.pump();
  EXPECT_EQ(link.tasks.running(), 0u);
  EXPECT_EQ(link.frames(), std::vector<std::string>{});
}

TEST_P(closing_of_side, from_both_at_once_keeps_both_codes) {
  link.start([&]() -> task<> { co_await ws().close(3000); });
  link.peer.pump();
  feed_close(3001);
  feed_eof();
  EXPECT_EQ(link.frames(), std::vector<std::string>{"close 3000"});
  EXPECT_EQ(ws().close_code(), 3001);
  EXPECT_EQ(receive_failure(),
            "closed error: sent 3000 (registered); then received 3001 (registered)");
}

TEST_P(closing_of_side, refuses_codes_and_reasons_that_cannot_be_sent) {
  link.start([&]() -> task<> {
    for (const std::uint16_t code : {0, 1, 999, 1004, 1005, 1006, 1015, 2000, 2999, 5000, 65535}) {
      auto closing = [this, code]() -> task<> { co_await ws().close(code); };
      const auto failure = co_await failure_of(closing);
      EXPECT_EQ(failure,
                "invalid argument: close code " + std::to_string(code) + " may not be sent");
    }
    const auto too_long = co_await failure_of([&]() -> task<> {
      const std::string reason(124, 'r');
      co_await ws().close(1000, reason);
    });
    EXPECT_EQ(too_long, "invalid argument: close reason of 124 bytes exceeds limit of 123 bytes");
    const auto not_text =
        co_await failure_of([&]() -> task<> { co_await ws().close(1000, "\xFF"); });
    EXPECT_EQ(not_text, "invalid argument: close reason is not UTF-8");
  });
  EXPECT_EQ(link.frames(), std::vector<std::string>{});
  EXPECT_EQ(ws().state(), state::open);
  const std::string longest(123, 'r');
  link.start([&]() -> task<> { co_await ws().close(4999, longest); });
  EXPECT_EQ(link.frames(), std::vector<std::string>{"close 4999 " + longest});
}

TEST_P(closing_of_side, leaves_what_came_before_to_be_received) {
  link.feed(text_frame(link.far_side(), "first") + text_frame(link.far_side(), "second") +
            close_frame(link.far_side(), 1011) + text_frame(link.far_side(), "after the close"));
  feed_eof();
  EXPECT_EQ(ws().state(), state::closed);
  std::vector<std::string> received;
  std::string end;
  link.start([&]() -> task<> {
    end = co_await failure_of([&]() -> task<> {
      for (;;) {
        auto message = co_await ws().recv();
        received.emplace_back(message.text());
      }
    });
  });
  link.peer.pump();
  EXPECT_EQ(received, (std::vector<std::string>{"first", "second"}));
  EXPECT_TRUE(end.starts_with("closed error: received 1011 ")) << end;
}

TEST_P(closing_of_side, from_here_still_receives_what_was_under_way) {
  link.start([&]() -> task<> { co_await ws().close(); });
  link.peer.pump();
  link.feed_text("under way");
  feed_close(1000);
  feed_eof();
  std::string received;
  link.start([&]() -> task<> {
    while (auto message = co_await ws().next()) received += message->text();
  });
  link.peer.pump();
  EXPECT_EQ(received, "under way");
}

TEST_P(closing_of_side, takes_a_reason_that_is_gone_when_the_task_runs) {
  {
    std::string reason = "a reason too long for any small string optimisation there may be";
    link.tasks.start([this, &reason]() -> task<> { return ws().close(1000, reason); });
    reason.assign(reason.size(), '!');
  }
  EXPECT_EQ(link.frames(),
            std::vector<std::string>{
                "close 1000 a reason too long for any small string optimisation there may be"});
}

TEST_P(closing_of_side, next_ends_quietly_for_1000_1001_and_no_code_only) {
  const auto end_of = [&](std::optional<unsigned> code) {
    memory_connection each({.side = GetParam()});
    std::string end;
    each.start([&]() -> task<> {
      end = co_await failure_of([&]() -> task<> {
        auto message = co_await each.ws().next();
        EXPECT_FALSE(message);
      });
    });
    each.peer.pump();
    each.feed(to_wire(each.far_side(),
                      wire_frame{.opcode = 8, .payload = code ? close_payload(*code) : ""}));
    each.peer.send_eof();
    each.peer.pump();
    return end;
  };
  EXPECT_EQ(end_of(1000), "none");
  EXPECT_EQ(end_of(1001), "none");
  EXPECT_EQ(end_of(std::nullopt), "none");
  for (const unsigned code : {1002u, 1003u, 1007u, 1011u, 1014u, 3000u, 4999u}) {
    EXPECT_TRUE(end_of(code).starts_with("closed error: received ")) << end_of(code);
  }
}

TEST_P(closing_of_side, without_an_answer_is_bounded_by_close_timeout) {
  protocol::connection_settings settings{.ping_interval = {}, .close_timeout = 20ms};
  memory_connection silent({.side = GetParam(), .settings = settings});
  silent.start([&]() -> task<> { co_await silent.ws().close(); });
  ASSERT_TRUE(silent.run_until([&] { return silent.tasks.running() == 0; }));
  EXPECT_TRUE(silent.peer.aborted());
  EXPECT_EQ(silent.ws().close_code(), 1006);
}

TEST_P(closing_of_side, without_the_end_of_tcp_is_bounded_by_close_timeout) {
  protocol::connection_settings settings{.ping_interval = {}, .close_timeout = 20ms};
  memory_connection half({.side = GetParam(), .settings = settings});
  half.feed(close_frame(half.far_side(), 1000));
  EXPECT_EQ(half.ws().state(), state::closing);
  ASSERT_TRUE(half.run_until([&] { return half.ws().state() == state::closed; }));
  EXPECT_TRUE(half.peer.aborted());
  EXPECT_EQ(half.ws().close_code(), 1000);
}

TEST_P(closing_of_side, to_a_peer_that_never_reads_is_bounded_by_close_timeout) {
  protocol::connection_settings settings{.ping_interval = {}, .close_timeout = 20ms};
  memory_connection stuck({.side = GetParam(), .settings = settings});
  stuck.peer.set_room(0);
  stuck.start([&]() -> task<> { co_await stuck.ws().close(); });
  ASSERT_TRUE(stuck.run_until([&] { return stuck.tasks.running() == 0; }));
  EXPECT_TRUE(stuck.peer.aborted());
}

TEST_P(closing_of_side, waits_for_what_was_queued_before_it) {
  link.peer.set_room(10);
  link.start([&]() -> task<> {
    const std::string large(1000, 'x');
    co_await ws().send(large);
    co_await ws().close();
  });
  link.peer.pump();
  feed_close(1000);
  EXPECT_FALSE(link.peer.shut_down());
  link.peer.set_room(memory_peer::unlimited);
  const auto frames = link.frames();
  ASSERT_EQ(frames.size(), 2u);
  EXPECT_EQ(frames[1], "close 1000");
  EXPECT_EQ(link.peer.shut_down(), is_server());
}

TEST_P(closing_of_side, resolves_everyone_who_waits_for_it) {
  int woken = 0;
  for (int i = 0; i < 3; ++i) {
    link.start([&]() -> task<> {
      co_await ws().wait_closed();
      ++woken;
    });
  }
  link.peer.pump();
  EXPECT_EQ(woken, 0);
  feed_close(1000);
  EXPECT_EQ(woken, 0);
  feed_eof();
  EXPECT_EQ(woken, 3);
  link.start([&]() -> task<> {
    co_await ws().wait_closed();
    ++woken;
  });
  link.peer.pump();
  EXPECT_EQ(woken, 4);
}

TEST_P(closing_of_side, by_abort_is_at_once_and_without_a_word) {
  std::vector<std::string> ends(4);
  link.start([&]() -> task<> {
    ends[0] = co_await failure_of([&]() -> task<> { co_await ws().recv(); });
  });
  link.start([&]() -> task<> {
    ends[1] = co_await failure_of([&]() -> task<> { co_await ws().ping(); });
  });
  link.start([&]() -> task<> {
    ends[2] = co_await failure_of([&]() -> task<> { co_await ws().wait_closed(); });
  });
  link.peer.pump();
  link.peer.take();
  link.peer.set_room(0);
  link.start([&]() -> task<> {
    ends[3] = co_await failure_of([&]() -> task<> {
      const std::string large(100'000, 'x');
      co_await ws().send(large);
    });
  });
  link.peer.pump();
  ws().abort();
  ws().abort();
  EXPECT_TRUE(link.peer.aborted());
  EXPECT_EQ(ws().state(), state::closed);
  EXPECT_EQ(ws().close_code(), 1006);
  link.peer.pump();
  EXPECT_EQ(link.tasks.running(), 0u);
  EXPECT_EQ(link.peer.take(), "");
  const std::string closed = "closed error: no close frame received or sent";
  EXPECT_EQ(ends, (std::vector<std::string>{closed, closed, "none", closed}));
}

}  // namespace
}  // namespace duplex::test
