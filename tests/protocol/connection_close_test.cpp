// Closing, failing, and the times that bound them; keepalive.
#include <duplex/protocol/connection.hpp>

#include <gtest/gtest.h>

#include <stdexcept>
#include <string>
#include <vector>

#include "support/protocol.hpp"

namespace duplex::protocol {
namespace {

using namespace std::chrono_literals;
using test::close_payload;
using test::take_output;
using test::to_wire;
using test::wire_frame;

constexpr unsigned closing = 0x8, pong = 0xA;
const time_point start{100h};

// A connection and a clock that only the test moves.
struct scene {
  explicit scene(side own, connection_settings settings = {})
      : it(own, settings, start, test::zeros()) {}

  void receive(const std::vector<wire_frame>& frames) {
    const std::string bytes = to_wire(peer_of(it.side()), frames);
    it.receive_data(as_bytes(bytes), now);
    drain();
  }
  void receive_close(unsigned code) {
    receive({{.opcode = closing, .payload = close_payload(code)}});
  }
  void receive_eof() {
    it.receive_eof();
    drain();
  }
  void drain() {
    while (auto event = it.next_event()) events.push_back(test::describe(*event));
  }
  // Calls advance at every deadline up to `until`, as a loop would.
  void pass_to(time_point until) {
    while (it.deadline() && *it.deadline() <= until) {
      now = std::max(now, *it.deadline());
      it.advance(now);
      drain();
    }
    now = until;
  }
  void pass(duration time) { pass_to(now + time); }

  connection it;
  time_point now = start;
  std::vector<std::string> events = {};
};

// --- who closes, and when

TEST(closing, by_a_server_ends_with_the_clients_eof) {
  scene server(side::server);
  server.it.send_close(1001, "bye", server.now);
  EXPECT_EQ(server.it.state(), state::closing);
  EXPECT_EQ(
      take_output(server.it),
      to_wire(side::server, wire_frame{.opcode = closing, .payload = close_payload(1001, "bye")}));
  EXPECT_FALSE(server.it.wants_shutdown()) << "the client's close frame has not come";
  server.receive({{.payload = "late"}});
  EXPECT_EQ(server.events, std::vector<std::string>{"text late"});
  server.receive_close(1001);
  EXPECT_TRUE(server.it.wants_shutdown());
  EXPECT_EQ(server.it.close_code(), std::nullopt);
  EXPECT_EQ(server.it.rcvd_then_sent(), false);
  server.receive_eof();
  EXPECT_EQ(server.it.state(), state::closed);
  EXPECT_EQ(server.it.close_code(), 1001);
  EXPECT_FALSE(server.it.wants_shutdown());
  EXPECT_FALSE(server.it.wants_abort());
  EXPECT_EQ(server.it.deadline(), std::nullopt);
  EXPECT_EQ(server.events, (std::vector<std::string>{"text late", "close"}));
}

TEST(closing, by_a_client_waits_for_the_servers_eof) {
  scene client(side::client);
  client.it.send_close(1000, "", client.now);
  take_output(client.it);
  client.receive_close(1000);
  EXPECT_FALSE(client.it.wants_shutdown()) << "section 7.1.1: the server closes first";
  EXPECT_EQ(client.it.state(), state::closing);
  client.receive_eof();
  EXPECT_EQ(client.it.state(), state::closed);
  EXPECT_EQ(client.it.close_code(), 1000);
}

TEST(closing, half_closes_only_when_everything_is_written) {
  scene server(side::server);
  server.it.send(message::type::text, as_bytes("abc"));
  server.receive_close(1000);
  EXPECT_FALSE(server.it.wants_shutdown());
  server.it.data_sent(3);
  EXPECT_FALSE(server.it.wants_shutdown());
  const buffer rest = server.it.take_data_to_send();
  EXPECT_FALSE(server.it.wants_shutdown());
  server.it.data_sent(rest.size());
  EXPECT_TRUE(server.it.wants_shutdown());
}

TEST(closing, by_the_peer_is_echoed_with_code_and_reason) {
  scene server(side::server);
  server.receive({{.opcode = closing, .payload = close_payload(4000, "why")}});
  EXPECT_EQ(
      take_output(server.it),
      to_wire(side::server, wire_frame{.opcode = closing, .payload = close_payload(4000, "why")}));
  EXPECT_EQ(server.it.rcvd_then_sent(), true);
  server.receive_eof();
  EXPECT_EQ(server.it.close_code(), 4000);
  EXPECT_EQ(server.it.close_reason(), "why");
}

TEST(closing, twice_sends_one_close_frame) {
  scene server(side::server);
  server.it.send_close(1000, "", server.now);
  server.it.send_close(1001, "", server.now);
  EXPECT_EQ(server.it.close_sent(), (close_info{1000, ""}));
  EXPECT_EQ(take_output(server.it).size(), 4U);
}

TEST(closing, without_a_code_is_1005) {
  scene server(side::server);
  server.receive({{.opcode = closing}});
  EXPECT_EQ(take_output(server.it), std::string("\x88\0", 2));
  server.receive_eof();
  EXPECT_EQ(server.it.close_code(), 1005);
}

TEST(closing, is_over_at_once_when_the_transport_is_dropped) {
  scene server(side::server);
  const std::string bytes =
      to_wire(side::client, std::vector<wire_frame>{{.payload = "a"}, {.payload = "b"}});
  server.it.receive_data(as_bytes(bytes), server.now);
  server.it.drop();
  EXPECT_EQ(server.it.state(), state::closed);
  EXPECT_EQ(server.it.close_code(), 1006);
  server.drain();
  EXPECT_EQ(server.events, std::vector<std::string>{"close"}) << "what came is of no use";
  EXPECT_EQ(server.it.deadline(), std::nullopt);
}

TEST(closing, is_checked_before_it_starts) {
  EXPECT_THROW(connection::check_close(1006, ""), std::invalid_argument);
  EXPECT_THROW(connection::check_close(1000, std::string(124, 'x')), std::invalid_argument);
  EXPECT_THROW(connection::check_close(1000, "\xFF"), std::invalid_argument);
  connection::check_close(4999, std::string(123, 'x'));
}

TEST(closing, met_by_a_bad_frame_keeps_its_first_code) {
  scene server(side::server);
  server.it.send_close(1000, "", server.now);
  take_output(server.it);
  server.receive({{.opcode = 0x3}});
  EXPECT_EQ(server.it.close_sent(), (close_info{1000, ""}));
  EXPECT_EQ(take_output(server.it), "");
  EXPECT_TRUE(server.it.wants_shutdown());
  EXPECT_EQ(server.events, std::vector<std::string>{"close"});
}

TEST(failing, cuts_its_reason_between_characters) {
  scene server(side::server);
  std::string reason(122, 'x');
  server.it.fail(close_code::internal_error, reason + "€");
  EXPECT_EQ(server.it.close_sent(), (close_info{1011, reason}));
  scene other(side::server);
  other.it.fail(close_code::internal_error, std::string(500, 'y'));
  EXPECT_EQ(other.it.close_sent(), (close_info{1011, std::string(123, 'y')}));
}

TEST(failing, discards_what_is_not_parsed) {
  scene server(side::server);
  const std::string bytes =
      to_wire(side::client, std::vector<wire_frame>{{.payload = "a"}, {.payload = "b"}});
  server.it.receive_data(as_bytes(bytes), server.now);
  EXPECT_EQ(test::describe(*server.it.next_event()), "text a");
  server.it.fail(close_code::policy_violation, "enough");
  server.drain();
  EXPECT_EQ(server.events, std::vector<std::string>{"close"});
  EXPECT_EQ(server.it.state(), state::closing);
}

// --- bounded by time

TEST(close_timeout, passes_when_the_peer_sends_no_close_frame) {
  for (const side own : {side::server, side::client}) {
    scene one(own, {.ping_interval = std::nullopt, .close_timeout = 10s});
    one.pass(1h);
    one.it.send_close(1000, "", one.now);
    take_output(one.it);
    one.receive({{.payload = "not a close frame"}});
    one.pass(9999ms);
    EXPECT_FALSE(one.it.wants_abort());
    one.pass(1ms);
    EXPECT_TRUE(one.it.wants_abort());
    EXPECT_EQ(one.it.deadline(), std::nullopt);
    one.receive_eof();
    EXPECT_EQ(one.it.state(), state::closed);
    EXPECT_EQ(one.it.close_code(), 1006);
    EXPECT_EQ(one.events.back(), "close");
  }
}

TEST(close_timeout, starts_again_with_the_peers_close_frame) {
  for (const side own : {side::server, side::client}) {
    scene one(own, {.close_timeout = 10s});
    one.it.send_close(1000, "", one.now);
    take_output(one.it);
    one.pass(9s);
    one.receive_close(1000);
    one.pass(9s);
    EXPECT_FALSE(one.it.wants_abort());
    one.pass(1s);
    EXPECT_TRUE(one.it.wants_abort()) << "the peer's end has not come";
    one.receive_eof();
    EXPECT_EQ(one.it.close_code(), 1000);
  }
}

TEST(close_timeout, starts_with_a_failure_however_old_the_last_call_is) {
  for (const side own : {side::server, side::client}) {
    scene one(own, {.ping_interval = std::nullopt, .close_timeout = 10s});
    one.now += 1h;
    one.it.fail(close_code::internal_error, "");
    take_output(one.it);
    EXPECT_EQ(one.it.wants_shutdown(), own == side::server);
    one.pass(9999ms);
    EXPECT_FALSE(one.it.wants_abort());
    one.pass(1ms);
    EXPECT_TRUE(one.it.wants_abort());
  }
}

TEST(close_timeout, aborts_even_with_bytes_to_write) {
  scene server(side::server, {.close_timeout = 10s});
  server.receive_close(1000);
  server.pass(10s);
  EXPECT_NE(server.it.buffered_amount(), 0U);
  EXPECT_TRUE(server.it.wants_abort());
}

TEST(close_timeout, of_none_waits_for_ever) {
  scene server(side::server, {.close_timeout = std::nullopt});
  server.it.send_close(1000, "", server.now);
  EXPECT_EQ(server.it.deadline(), std::nullopt);
  server.receive_close(1000);
  EXPECT_EQ(server.it.deadline(), std::nullopt);
  scene other(side::server, {.close_timeout = std::nullopt});
  other.it.fail(close_code::internal_error, "");
  EXPECT_EQ(other.it.deadline(), std::nullopt);
}

// --- keepalive

std::string zero_ping(side own) {
  const std::string payload(4, '\0');
  return own == side::server ? "\x89\x04" + payload : "\x89\x84" + payload + payload;
}

TEST(keepalive, pings_every_interval) {
  for (const side own : {side::server, side::client}) {
    scene one(own, {.ping_interval = 20s, .ping_timeout = 20s});
    EXPECT_EQ(one.it.deadline(), start + 20s);
    one.pass(19999ms);
    EXPECT_EQ(take_output(one.it), "");
    for (int round = 0; round < 5; ++round) {
      one.pass_to(start + (round + 1) * 20s);
      EXPECT_EQ(take_output(one.it), zero_ping(own));
      one.receive({{.opcode = pong, .payload = std::string(4, '\0')}});
      EXPECT_EQ(one.events.back(),
                "pong " + std::string(4, '\0') + " #" + std::to_string(round + 1));
    }
    EXPECT_EQ(one.it.state(), state::open);
  }
}

TEST(keepalive, fails_a_peer_silent_for_the_timeout) {
  scene server(side::server, {.ping_interval = 20s, .ping_timeout = 15s});
  server.pass(20s);
  take_output(server.it);
  server.pass(14999ms);
  EXPECT_EQ(server.it.state(), state::open);
  server.pass(100ms);
  EXPECT_EQ(server.it.state(), state::closing);
  EXPECT_EQ(server.it.close_sent(), (close_info{1011, "keepalive ping timeout"}));
  EXPECT_EQ(server.events, std::vector<std::string>{"close"});
  EXPECT_FALSE(server.it.wants_abort()) << "the close frame is not written";
  take_output(server.it);
  EXPECT_TRUE(server.it.wants_abort());
}

TEST(keepalive, aborts_a_silent_peer_whose_socket_is_full) {
  scene server(side::server, {.ping_interval = 20s, .ping_timeout = 20s, .close_timeout = 10s});
  server.it.send(message::type::text, as_bytes("abc"));
  server.it.data_sent(1);
  server.pass(41s);
  EXPECT_EQ(server.it.state(), state::closing);
  EXPECT_FALSE(server.it.wants_abort());
  server.pass(10s);
  EXPECT_TRUE(server.it.wants_abort());
}

TEST(keepalive, leaves_a_peer_that_takes_a_long_message_alone) {
  scene server(side::server);
  const std::string large(1'000'000, 'x');
  server.it.send(message::type::binary, as_bytes(large));
  const auto size = server.it.take_data_to_send().size();
  for (std::size_t left = size; left > 100'000; left -= 100'000) {
    server.pass(15s);
    server.it.data_sent(100'000);
    ASSERT_EQ(server.it.state(), state::open) << left << " bytes are on their way";
  }
  server.pass(60s);  // then it takes nothing more
  EXPECT_EQ(server.it.close_sent(), (close_info{1011, "keepalive ping timeout"}));
}

TEST(keepalive, takes_any_byte_for_a_sign_of_life) {
  scene server(side::server, {.ping_interval = 20s, .ping_timeout = 20s});
  server.pass(39s);
  // half a frame, and no pong ever
  const std::string bytes = to_wire(side::client, wire_frame{.payload = "hello"});
  server.it.receive_data(as_bytes(bytes).first(1), server.now);
  server.drain();
  server.pass(20s);
  EXPECT_EQ(server.it.state(), state::open);
  server.pass(1100ms);
  EXPECT_EQ(server.it.state(), state::closing) << "nothing came after the ping at 40 s";
}

TEST(keepalive, counts_from_the_first_ping_without_an_answer) {
  scene server(side::server, {.ping_interval = 10s, .ping_timeout = 25s});
  server.pass(34s);
  EXPECT_EQ(server.it.state(), state::open);
  server.pass(2s);
  EXPECT_EQ(server.it.state(), state::closing) << "the ping at 10 s was the first";
}

TEST(keepalive, looks_once_more_when_it_comes_late) {
  scene server(side::server, {.ping_interval = 20s, .ping_timeout = 20s});
  server.pass(20s);
  // The program was away for a minute, and the pong waits in the socket.
  server.now += 60s;
  server.it.advance(server.now);
  EXPECT_EQ(server.it.state(), state::open);
  EXPECT_LE(*server.it.deadline(), server.now + 100ms);
  server.receive({{.opcode = pong, .payload = std::string(4, '\0')}});
  server.pass(1s);
  EXPECT_EQ(server.it.state(), state::open);
}

TEST(keepalive, does_not_judge_while_it_is_suspended) {
  scene server(side::server, {.ping_interval = 20s, .ping_timeout = 20s});
  server.pass(25s);
  server.it.suspend_keepalive(true, server.now);
  server.pass(10min);
  EXPECT_EQ(server.it.state(), state::open);
  EXPECT_EQ(take_output(server.it).size(), 31 * zero_ping(side::server).size())
      << "the peer is still told that we are alive";
  server.it.suspend_keepalive(false, server.now);
  server.pass(19s);
  EXPECT_EQ(server.it.state(), state::open);
  server.pass(1100ms);
  EXPECT_EQ(server.it.state(), state::closing);
}

TEST(keepalive, drops_a_peer_that_reads_nothing_though_it_is_suspended) {
  for (const side own : {side::server, side::client}) {
    scene one(own, {.ping_interval = 20s, .ping_timeout = 15s, .close_timeout = std::nullopt});
    one.it.suspend_keepalive(true, one.now);
    one.pass(10min);
    take_output(one.it);
    one.it.send(message::type::text, as_bytes("abc"));
    one.it.data_sent(1);
    one.pass(34s);
    EXPECT_EQ(one.it.state(), state::open);
    one.pass(40s);
    EXPECT_EQ(one.it.close_sent(), (close_info{1011, "keepalive timeout: the peer reads nothing"}));
    EXPECT_TRUE(one.it.wants_abort()) << "whatever close_timeout is";
  }
}

TEST(keepalive, leaves_a_peer_that_reads_slowly_alone_while_it_is_suspended) {
  scene server(side::server, {.ping_interval = 20s, .ping_timeout = 20s});
  const std::string large(1000, 'x');
  server.it.send(message::type::binary, as_bytes(large));
  const auto size = server.it.take_data_to_send().size();
  server.it.suspend_keepalive(true, server.now);
  for (std::size_t left = size; left > 1; --left) {
    server.pass(39s);
    server.it.data_sent(1);
    ASSERT_EQ(server.it.state(), state::open) << left << " bytes are on their way";
  }
}

TEST(keepalive, without_timeout_drops_nobody_who_reads_nothing) {
  scene server(side::server, {.ping_interval = 20s, .ping_timeout = std::nullopt});
  server.it.send(message::type::text, as_bytes("abc"));
  server.it.data_sent(1);
  server.it.suspend_keepalive(true, server.now);
  server.pass(1h);
  EXPECT_EQ(server.it.state(), state::open);
}

TEST(keepalive, judges_nobody_for_silence_before_the_next_ping) {
  scene server(side::server, {.ping_interval = 60s, .ping_timeout = 5s});
  server.receive({{.payload = "a"}});
  server.it.suspend_keepalive(true, server.now);
  server.it.suspend_keepalive(false, server.now);
  server.pass(59s);
  EXPECT_EQ(server.it.state(), state::open);
}

TEST(keepalive, of_none_sends_nothing) {
  scene server(side::server, {.ping_interval = std::nullopt});
  EXPECT_EQ(server.it.deadline(), std::nullopt);
  server.pass(10h);
  EXPECT_EQ(take_output(server.it), "");
}

TEST(keepalive, without_timeout_only_pings) {
  scene server(side::server, {.ping_interval = 20s, .ping_timeout = std::nullopt});
  server.pass(1h);
  EXPECT_EQ(server.it.state(), state::open);
  EXPECT_EQ(take_output(server.it).size(), 180 * zero_ping(side::server).size());
}

TEST(keepalive, ends_with_the_closing_handshake) {
  scene server(side::server, {.ping_interval = 20s, .ping_timeout = 20s, .close_timeout = 1h});
  server.pass(30s);
  take_output(server.it);
  server.it.send_close(1000, "", server.now);
  take_output(server.it);
  server.pass(30min);
  EXPECT_EQ(take_output(server.it), "");
  EXPECT_EQ(server.it.close_sent(), (close_info{1000, ""}));
}

TEST(keepalive, survives_calls_that_come_early) {
  scene server(side::server, {.ping_interval = 20s, .ping_timeout = 20s});
  for (int i = 0; i < 1000; ++i) server.it.advance(start + i * 1ms);
  EXPECT_EQ(take_output(server.it), "");
  EXPECT_EQ(server.it.deadline(), start + 20s);
}

}  // namespace
}  // namespace duplex::protocol
