// What a connection sends.
#include <duplex/protocol/connection.hpp>

#include <gtest/gtest.h>

#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include <duplex/error.hpp>

#include "support/protocol.hpp"

namespace duplex::protocol {
namespace {

using test::close_payload;
using test::feed;
using test::take_output;
using test::to_wire;
using test::wire_frame;

constexpr unsigned continuation = 0x0, binary = 0x2, closing = 0x8, ping = 0x9, pong = 0xA;

connection new_server() { return connection(side::server, {}, {}, test::zeros()); }
connection new_client() { return connection(side::client, {}, {}, test::zeros()); }

std::string from_server(const std::vector<wire_frame>& frames) {
  return to_wire(side::server, frames);
}
std::string from_client(const std::vector<wire_frame>& frames) {
  return to_wire(side::client, frames);
}

template <typename Action>
std::string message_of_invalid_state(Action action) {
  try {
    action();
  } catch (const invalid_state& error) {
    return error.what();
  }
  return "nothing thrown";
}

TEST(sending, is_read_by_the_other_side_at_every_size) {
  for (const std::size_t size : {0, 1, 125, 126, 4095, 4096, 65535, 65536, 300000}) {
    const std::string payload(size, 'x');
    connection server = new_server();
    connection client(side::client, {}, {});
    client.send(message::type::text, as_bytes(payload));
    EXPECT_EQ(feed(server, {take_output(client)}).events, std::vector{"text " + payload});
    server.send(message::type::binary, as_bytes(payload));
    EXPECT_EQ(feed(client, {take_output(server)}).events, std::vector{"binary " + payload});
    server.send(message::type::binary, as_bytes(payload), true);
    EXPECT_EQ(feed(client, {take_output(server)}).events, std::vector{"binary " + payload});
  }
}

TEST(sending, masks_by_unpredictable_keys_as_a_client) {
  connection client(side::client, {}, {});
  std::set<std::string> keys;
  for (int i = 0; i < 1000; ++i) {
    client.send(message::type::text, as_bytes("x"));
    const std::string bytes = take_output(client);
    ASSERT_EQ(bytes.size(), 7U);
    EXPECT_EQ(bytes.substr(0, 2), "\x81\x81");
    keys.insert(bytes.substr(2, 4));
  }
  EXPECT_GE(keys.size(), 999U);
}

TEST(sending, of_fragments_continues_with_the_type_of_the_first) {
  connection server = new_server();
  server.send_fragment(message::type::text, as_bytes("a"), false);
  server.send_fragment(message::type::binary, as_bytes("b"), false);
  server.send_ping(as_bytes("p"), {});
  server.send_fragment(message::type::text, as_bytes(""), true);
  server.send_fragment(message::type::binary, as_bytes("c"), true);
  EXPECT_EQ(take_output(server),
            from_server({{.payload = "a", .fin = false},
                         {.opcode = continuation, .payload = "b", .fin = false},
                         {.opcode = ping, .payload = "p"},
                         {.opcode = continuation},
                         {.opcode = binary, .payload = "c"}}));
}

TEST(sending, of_a_message_between_fragments_is_refused) {
  connection server = new_server();
  server.send_fragment(message::type::text, as_bytes("a"), false);
  EXPECT_EQ(message_of_invalid_state([&] { server.send(message::type::text, as_bytes("b")); }),
            "a fragmented message is being sent");
  server.send_fragment(message::type::text, as_bytes("c"), true);
  server.send(message::type::text, as_bytes("d"));
}

TEST(sending, lends_large_payloads_of_servers_and_holds_them) {
  connection server = new_server();
  std::string payload(5000, 'a');
  server.send(message::type::binary, as_bytes(payload), true);
  EXPECT_EQ(server.data_to_send()[1].data(), as_bytes(payload).data()) << "a copy was made";
  server.data_sent(1004);
  server.hold_output();
  payload.assign(5000, 'z');
  EXPECT_EQ(server.buffered_amount(), 4000U);
  EXPECT_EQ(take_output(server), std::string(4000, 'a'));
}

TEST(sending, copies_payloads_of_clients_even_if_lent) {
  connection client = new_client();
  std::string payload(5000, 'a');
  client.send(message::type::binary, as_bytes(payload), true);
  payload.assign(5000, 'z');
  EXPECT_EQ(take_output(client).substr(8), std::string(5000, 'a'));
}

TEST(sending, counts_bytes_given_away_until_they_are_written) {
  connection server = new_server();
  const std::string payload(5000, 'a');
  server.send(message::type::binary, as_bytes(payload), true);
  server.data_sent(4);
  const buffer taken = server.take_data_to_send();
  EXPECT_EQ(as_text(taken.bytes()), payload);
  EXPECT_EQ(server.buffered_amount(), 5000U);
  server.send(message::type::text, as_bytes("b"));
  EXPECT_EQ(as_text(server.data_to_send()[0]),
            "\x81\x01"
            "b");
  EXPECT_EQ(server.buffered_amount(), 5003U);
  server.data_sent(5000);
  EXPECT_EQ(server.buffered_amount(), 3U);
  server.data_sent(3);
  EXPECT_EQ(server.buffered_amount(), 0U);
}

TEST(sending, is_refused_when_not_open) {
  const auto expect_refused = [](connection& it, const std::string& problem) {
    const auto bytes = as_bytes("x");
    const auto type = message::type::text;
    EXPECT_EQ(message_of_invalid_state([&] { it.send(type, bytes); }), problem);
    EXPECT_EQ(message_of_invalid_state([&] { it.send_fragment(type, bytes, true); }), problem);
    EXPECT_EQ(message_of_invalid_state([&] { it.send_ping(bytes, {}); }), problem);
    EXPECT_EQ(message_of_invalid_state([&] { it.send_pong(bytes); }), problem);
  };
  connection server = new_server();
  server.send_close(1000, "", {});
  expect_refused(server, "connection is closing");
  server.receive_eof();
  expect_refused(server, "connection is closed");
}

TEST(sending, refuses_what_no_control_frame_can_carry) {
  connection server = new_server();
  const std::string long_payload(126, 'x');
  EXPECT_THROW(server.send_ping(as_bytes(long_payload), {}), std::invalid_argument);
  EXPECT_THROW(server.send_pong(as_bytes(long_payload)), std::invalid_argument);
  EXPECT_THROW(server.send_close(1005, "", {}), std::invalid_argument);
  EXPECT_THROW(server.send_close(999, "", {}), std::invalid_argument);
  EXPECT_THROW(server.send_close(1000, std::string(124, 'x'), {}), std::invalid_argument);
  EXPECT_THROW(server.send_close(1000, "\xFF", {}), std::invalid_argument);
  EXPECT_EQ(take_output(server), "");
  EXPECT_EQ(server.state(), state::open);
}

// --- pings and pongs

TEST(pongs, answer_every_ping_in_order_while_the_socket_takes_bytes) {
  connection server = new_server();
  server.receive_data(as_bytes(""), {});
  const std::string bytes = from_client({{.opcode = ping, .payload = "1"},
                                         {.opcode = ping, .payload = "2"},
                                         {.opcode = ping, .payload = "3"}});
  server.receive_data(as_bytes(bytes), {});
  while (server.next_event()) continue;
  EXPECT_EQ(take_output(server), from_server({{.opcode = pong, .payload = "1"},
                                              {.opcode = pong, .payload = "2"},
                                              {.opcode = pong, .payload = "3"}}));
}

void receive(connection& it, const std::string& bytes) {
  it.receive_data(as_bytes(bytes), {});
  while (it.next_event()) continue;
}

std::string pings(int from, int to) {
  std::string bytes;
  for (int i = from; i <= to; ++i) {
    bytes += from_client({{.opcode = ping, .payload = std::to_string(i)}});
  }
  return bytes;
}

TEST(pongs, are_the_latest_only_while_the_socket_is_full) {
  connection server = new_server();
  server.send(message::type::text, as_bytes("abc"));
  server.data_sent(2);
  receive(server, pings(1, 1000));
  EXPECT_EQ(server.buffered_amount(), 3U) << "no pong is queued";
  server.data_sent(3);
  EXPECT_EQ(take_output(server), from_server({{.opcode = pong, .payload = "1000"}}));
  receive(server, pings(1, 2));
  EXPECT_EQ(take_output(server),
            from_server({{.opcode = pong, .payload = "1"}, {.opcode = pong, .payload = "2"}}));
}

TEST(pongs, are_the_latest_only_while_bytes_given_away_are_not_written) {
  connection server = new_server();
  server.send(message::type::text, as_bytes("abc"));
  server.data_sent(0);
  const buffer taken = server.take_data_to_send();
  receive(server, pings(1, 9));
  EXPECT_EQ(server.buffered_amount(), taken.size());
  server.data_sent(taken.size());
  EXPECT_EQ(take_output(server), from_server({{.opcode = pong, .payload = "9"}}));
}

TEST(pongs, that_wait_go_before_what_is_sent_next) {
  connection server = new_server();
  server.send(message::type::text, as_bytes("abc"));
  server.data_sent(0);
  receive(server, pings(1, 3));
  server.send(message::type::text, as_bytes("d"));
  receive(server, pings(4, 5));
  server.send_close(1000, "", {});
  EXPECT_EQ(take_output(server),
            from_server({{.payload = "abc"},
                         {.opcode = pong, .payload = "3"},
                         {.payload = "d"},
                         {.opcode = pong, .payload = "5"},
                         {.opcode = closing, .payload = close_payload(1000)}}));
}

TEST(pongs, answer_pings_after_our_close_frame) {
  connection server = new_server();
  server.send_close(1000, "", {});
  take_output(server);
  receive(server, pings(1, 1));
  EXPECT_EQ(take_output(server), from_server({{.opcode = pong, .payload = "1"}}));
}

std::optional<std::uint64_t> answered(connection& it, std::string_view payload,
                                      time_point now = {}) {
  const std::string bytes = from_client({{.opcode = pong, .payload = std::string(payload)}});
  it.receive_data(as_bytes(bytes), now);
  const auto event = it.next_event();
  it.next_event();
  return event->ping_id;
}

TEST(pings, are_answered_with_all_earlier_ones_by_one_pong) {
  connection server = new_server();
  server.send_ping(as_bytes("a"), {});
  const auto second = server.send_ping(as_bytes("b"), {});
  const auto third = server.send_ping(as_bytes("c"), {});
  EXPECT_EQ(answered(server, "unsolicited"), std::nullopt);
  EXPECT_EQ(answered(server, "b"), second);
  EXPECT_EQ(answered(server, "a"), std::nullopt) << "it was answered before";
  EXPECT_EQ(answered(server, "c"), third);
  EXPECT_EQ(answered(server, "c"), std::nullopt);
  EXPECT_LT(second, third);
}

TEST(pings, of_equal_payloads_are_answered_one_by_one) {
  connection server = new_server();
  const auto first = server.send_ping(as_bytes(""), {});
  const auto second = server.send_ping(as_bytes(""), {});
  EXPECT_EQ(answered(server, ""), first);
  EXPECT_EQ(answered(server, ""), second);
}

TEST(pings, that_are_never_answered_are_forgotten_beyond_a_thousand) {
  connection server = new_server();
  for (int i = 0; i < 5000; ++i) {
    server.send_ping(as_bytes(std::to_string(i)), {});
    take_output(server);
  }
  EXPECT_EQ(answered(server, "3999"), std::nullopt);
  EXPECT_EQ(answered(server, "4000"), 4001);
  EXPECT_EQ(answered(server, "4999"), 5000);
}

TEST(pings, measure_the_latency) {
  using namespace std::chrono_literals;
  const time_point start{1h};
  connection server(side::server, {}, start, test::zeros());
  EXPECT_EQ(server.latency(), std::nullopt);
  server.send_ping(as_bytes("a"), start + 1s);
  answered(server, "a", start + 1250ms);
  EXPECT_EQ(server.latency(), 250ms);
}

}  // namespace
}  // namespace duplex::protocol
