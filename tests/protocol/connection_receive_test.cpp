// What a connection makes of what comes, however it is chopped.
#include <duplex/protocol/connection.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "support/protocol.hpp"

namespace duplex::protocol {
namespace {

using test::close_payload;
using test::delivery;
using test::feed;
using test::outcome;
using test::to_wire;
using test::wire_frame;

constexpr std::size_t max_size = 1000;

connection new_connection(side own) {
  return connection(own, {.max_size = max_size}, {}, test::zeros());
}

// A stream of the peer's frames, and what must come of it.
struct stream {
  std::string name;
  std::vector<wire_frame> frames;
  std::vector<std::string> events;
  std::optional<close_info> rcvd = {}, sent = {};
  // Frames in answer: pongs, and the close frame that `sent` is.
  std::vector<wire_frame> answers = {};
};

constexpr unsigned continuation = 0x0, text = 0x1, binary = 0x2, closing = 0x8, ping = 0x9,
                   pong = 0xA;

stream failing(std::string name, std::vector<wire_frame> frames, unsigned code, std::string reason,
               std::vector<std::string> events = {}) {
  events.push_back("close");
  const auto payload = close_payload(code, reason);
  return {.name = std::move(name),
          .frames = std::move(frames),
          .events = std::move(events),
          .sent = close_info{static_cast<std::uint16_t>(code), std::move(reason)},
          .answers = {{.opcode = closing, .payload = payload}}};
}

stream closed_by_peer(std::string name, std::vector<wire_frame> frames, close_info info,
                      std::vector<std::string> events = {}) {
  events.push_back("close");
  const std::string payload = info.code == 1005 ? "" : close_payload(info.code, info.reason);
  return {.name = std::move(name),
          .frames = std::move(frames),
          .events = std::move(events),
          .rcvd = info,
          .sent = info,
          .answers = {{.opcode = closing, .payload = payload}}};
}

std::vector<stream> good_streams() {
  const std::string long_text(300, 'x');
  return {
      {.name = "text", .frames = {{.payload = "hello"}}, .events = {"text hello"}},
      {.name = "empty text", .frames = {{}}, .events = {"text "}},
      {.name = "binary",
       .frames = {{.opcode = binary, .payload = "\xFF\xFE"}},
       .events = {"binary \xFF\xFE"}},
      {.name = "16-bit length",
       .frames = {{.payload = long_text}},
       .events = {"text " + long_text}},
      {.name = "several messages",
       .frames = {{.payload = "a"}, {.opcode = binary, .payload = "b"}, {.payload = "c"}},
       .events = {"text a", "binary b", "text c"}},
      {.name = "fragments",
       .frames = {{.payload = "he", .fin = false},
                  {.opcode = continuation, .payload = "", .fin = false},
                  {.opcode = continuation, .payload = "l", .fin = false},
                  {.opcode = continuation, .payload = "lo"},
                  {.payload = "!"}},
       .events = {"text hello", "text !"}},
      {.name = "fragments inside a character",
       .frames = {{.payload = "\xE2\x82", .fin = false},
                  {.opcode = continuation, .payload = "\xAC\xF0", .fin = false},
                  {.opcode = continuation, .payload = "\x9F\x98\x80"}},
       .events = {"text €😀"}},
      {.name = "empty fragments",
       .frames = {{.opcode = binary, .fin = false},
                  {.opcode = continuation, .fin = false},
                  {.opcode = continuation}},
       .events = {"binary "}},
      {.name = "pings between fragments",
       .frames = {{.payload = "a", .fin = false},
                  {.opcode = ping, .payload = "1"},
                  {.opcode = ping, .payload = ""},
                  {.opcode = pong, .payload = "nobody asked"},
                  {.opcode = continuation, .payload = "b"}},
       .events = {"ping 1", "ping ", "pong nobody asked", "text ab"},
       .answers = {{.opcode = pong, .payload = "1"}, {.opcode = pong}}},
      {.name = "largest ping",
       .frames = {{.opcode = ping, .payload = std::string(125, 'p')}},
       .events = {"ping " + std::string(125, 'p')},
       .answers = {{.opcode = pong, .payload = std::string(125, 'p')}}},
      {.name = "message at the limit",
       .frames = {{.payload = std::string(max_size, 'm')}},
       .events = {"text " + std::string(max_size, 'm')}},
      {.name = "fragments at the limit",
       .frames = {{.payload = std::string(400, 'm'), .fin = false},
                  {.opcode = continuation, .payload = std::string(600, 'n')}},
       .events = {"text " + std::string(400, 'm') + std::string(600, 'n')}},
  };
}

std::vector<stream> bad_streams() {
  const std::string continuation_expected = "expected a continuation frame, not a ";
  std::vector<stream> streams{
      failing("reserved bit", {{.payload = "a", .rsv = 4}}, 1002, "RSV1 is set in a text frame"),
      failing("unknown opcode", {{.opcode = 0x3}}, 1002, "unknown opcode 0x3"),
      failing("unknown control opcode", {{.opcode = 0xB}}, 1002, "unknown opcode 0xB"),
      failing("long ping", {{.opcode = ping, .payload = std::string(126, 'x')}}, 1002,
              "ping frame is longer than 125 bytes"),
      failing("fragmented ping", {{.opcode = ping, .fin = false}}, 1002,
              "ping frame is fragmented"),
      failing("long length", {{.payload = "hello", .length_size = 8}}, 1002,
              "length 5 of a text frame is written in 8 bytes"),
      failing("continuation of nothing", {{.opcode = continuation, .payload = "a"}}, 1002,
              "unexpected continuation frame"),
      failing("continuation after the end",
              {{.payload = "a", .fin = false},
               {.opcode = continuation, .payload = "b"},
               {.opcode = continuation, .payload = "c"}},
              1002, "unexpected continuation frame", {"text ab"}),
      failing("message inside a message", {{.payload = "a", .fin = false}, {.payload = "b"}}, 1002,
              continuation_expected + "text frame"),
      failing("empty message inside an empty message", {{.fin = false}, {.opcode = binary}}, 1002,
              continuation_expected + "binary frame"),
      failing("bad frame behind a message", {{.payload = "hello"}, {.opcode = 0x7}}, 1002,
              "unknown opcode 0x7", {"text hello"}),
      failing("invalid UTF-8", {{.payload = "ab\xFF"}}, 1007, "invalid UTF-8 at position 2"),
      failing("invalid UTF-8 in a later fragment",
              {{.payload = "ab", .fin = false}, {.opcode = continuation, .payload = "c\xC0"}}, 1007,
              "invalid UTF-8 at position 3"),
      failing("invalid UTF-8 behind other messages",
              {{.payload = std::string(200, 'x')}, {.payload = "a\xFF"}}, 1007,
              "invalid UTF-8 at position 1", {"text " + std::string(200, 'x')}),
      failing("UTF-8 cut at the end", {{.payload = "ab\xE2\x82"}}, 1007,
              "incomplete UTF-8 at position 4"),
      failing("surrogate over two fragments",
              {{.payload = "\xED", .fin = false}, {.opcode = continuation, .payload = "\xA0\x80"}},
              1007, "invalid UTF-8 at position 1"),
      failing("message beyond the limit", {{.payload = std::string(max_size + 1, 'm')}}, 1009,
              "message of 1001 bytes exceeds limit of 1000 bytes"),
      failing("fragments beyond the limit",
              {{.payload = std::string(400, 'm'), .fin = false},
               {.opcode = continuation, .payload = std::string(601, 'n')}},
              1009, "message of 1001 bytes exceeds limit of 1000 bytes"),
      failing("huge length", {{.stated_length = (std::uint64_t{1} << 63) - 1}}, 1009,
              "message of 9223372036854775807 bytes exceeds limit of 1000 bytes"),
      failing("huge length of a fragment",
              {{.payload = "abc", .fin = false},
               {.opcode = continuation, .stated_length = (std::uint64_t{1} << 63) - 1}},
              1009, "message of 9223372036854775810 bytes exceeds limit of 1000 bytes"),
      failing("close payload of one byte", {{.opcode = closing, .payload = "x"}}, 1002,
              "close frame with a payload of 1 byte"),
      failing("close reason that is not UTF-8",
              {{.opcode = closing, .payload = close_payload(1000, "ab\xFF")}}, 1007,
              "invalid UTF-8 at position 2 of a close reason"),
      failing("close reason that is cut",
              {{.opcode = closing, .payload = close_payload(1000, "ab\xE2\x82")}}, 1007,
              "invalid UTF-8 at position 4 of a close reason"),
      failing("data behind a bad frame", {{.opcode = 0x3}, {.payload = "a"}, {.opcode = ping}},
              1002, "unknown opcode 0x3"),
      failing("close behind a bad frame",
              {{.opcode = 0x3}, {.opcode = closing, .payload = close_payload(1000)}}, 1002,
              "unknown opcode 0x3"),
  };
  for (const unsigned code :
       {0U, 1U, 999U, 1004U, 1005U, 1006U, 1015U, 1016U, 1100U, 2000U, 2999U, 5000U, 65535U}) {
    streams.push_back(failing("close code " + std::to_string(code),
                              {{.opcode = closing, .payload = close_payload(code)}}, 1002,
                              "invalid close code " + std::to_string(code)));
  }
  return streams;
}

std::vector<stream> closing_streams() {
  std::vector<stream> streams{
      closed_by_peer("empty close", {{.opcode = closing}}, {1005, ""}),
      closed_by_peer("close with a reason",
                     {{.opcode = closing, .payload = close_payload(1001, "bye €")}},
                     {1001, "bye €"}),
      closed_by_peer("longest reason",
                     {{.opcode = closing, .payload = close_payload(1000, std::string(123, 'r'))}},
                     {1000, std::string(123, 'r')}),
      closed_by_peer(
          "close inside a fragmented message",
          {{.payload = "a", .fin = false}, {.opcode = closing, .payload = close_payload(1001)}},
          {1001, ""}),
      closed_by_peer("data behind the close",
                     {{.payload = "a"},
                      {.opcode = closing, .payload = close_payload(1000)},
                      {.payload = "b"},
                      {.opcode = ping},
                      {.opcode = 0x3},
                      {.opcode = closing, .payload = close_payload(1001)}},
                     {1000, ""}, {"text a"}),
  };
  for (const unsigned code : {1000U, 1001U, 1002U, 1003U, 1007U, 1008U, 1009U, 1010U, 1011U, 1012U,
                              1013U, 1014U, 3000U, 3999U, 4000U, 4999U}) {
    streams.push_back(closed_by_peer("close code " + std::to_string(code),
                                     {{.opcode = closing, .payload = close_payload(code)}},
                                     {static_cast<std::uint16_t>(code), ""}));
  }
  return streams;
}

void expect_the_same_however_chopped(const std::vector<stream>& streams) {
  for (const side own : {side::server, side::client}) {
    for (const stream& each : streams) {
      SCOPED_TRACE(each.name + (own == side::server ? ", server" : ", client"));
      outcome expected{.events = each.events, .close_rcvd = each.rcvd, .close_sent = each.sent};
      for (const wire_frame& answer : each.answers) {
        wire_frame readable = answer;
        readable.masked = false;
        std::string bytes = to_wire(own, readable);
        if (own == side::client) {
          bytes[1] = static_cast<char>(bytes[1] | '\x80');
          bytes.insert(2, 4, '\0');
        }
        expected.output += bytes;
      }
      if (each.sent) expected.state = state::closing;
      expected.wants_shutdown = each.sent && own == side::server;
      const std::string bytes = to_wire(peer_of(own), each.frames);
      test::for_every_chop(bytes, [&](const std::vector<std::string>& pieces) {
        for (const auto how : {delivery::lent, delivery::held}) {
          connection it = new_connection(own);
          ASSERT_EQ(feed(it, pieces, false, how), expected)
              << pieces.size() << " pieces, first of " << pieces.front().size();
        }
      });
    }
  }
}

TEST(connection, receives_good_frames_however_chopped) {
  expect_the_same_however_chopped(good_streams());
}

TEST(connection, fails_at_bad_frames_however_chopped) {
  expect_the_same_however_chopped(bad_streams());
}

TEST(connection, echoes_close_frames_however_chopped) {
  expect_the_same_however_chopped(closing_streams());
}

TEST(connection, refuses_masks_wrong_for_its_side) {
  connection server = new_connection(side::server);
  feed(server, {to_wire(side::client, wire_frame{.payload = "a", .masked = false})});
  EXPECT_EQ(server.close_sent(), (close_info{1002, "text frame from a client is not masked"}));
  connection client = new_connection(side::client);
  feed(client, {to_wire(side::server, wire_frame{.payload = "a", .masked = true})});
  EXPECT_EQ(client.close_sent(), (close_info{1002, "text frame from a server is masked"}));
}

TEST(connection, is_1006_at_every_prefix_of_a_stream) {
  const std::string bytes = to_wire(
      side::client, std::vector<wire_frame>{{.payload = "a", .fin = false},
                                            {.opcode = ping, .payload = "p"},
                                            {.opcode = continuation, .payload = "b"},
                                            {.opcode = binary, .payload = std::string(300, 'x')}});
  for (std::size_t prefix = 0; prefix < bytes.size(); ++prefix) {
    connection server = new_connection(side::server);
    const outcome result = feed(server, {bytes.substr(0, prefix)}, true);
    ASSERT_EQ(result.state, state::closed);
    ASSERT_EQ(result.events.back(), "close");
    ASSERT_EQ(std::count(result.events.begin(), result.events.end(), "close"), 1);
    ASSERT_EQ(result.close_sent, std::nullopt);
    ASSERT_EQ(server.close_code(), 1006) << prefix;
    ASSERT_EQ(server.close_reason(), "");
  }
}

TEST(connection, gives_out_a_message_before_it_parses_the_frame_behind) {
  connection server = new_connection(side::server);
  const std::string bytes =
      to_wire(side::client, std::vector<wire_frame>{{.payload = "good"}, {.opcode = 0x3}});
  server.receive_data(as_bytes(bytes), {});
  EXPECT_EQ(test::describe(*server.next_event()), "text good");
  EXPECT_EQ(server.state(), state::open);
  server.send(message::type::text, as_bytes("echo"));
  EXPECT_EQ(test::describe(*server.next_event()), "close");
  EXPECT_EQ(test::take_output(server),
            to_wire(side::server, std::vector<wire_frame>{
                                      {.payload = "echo"},
                                      {.opcode = closing,
                                       .payload = close_payload(1002, "unknown opcode 0x3")}}));
}

TEST(connection, fails_at_a_bad_byte_inside_an_incomplete_frame) {
  const std::string payload = std::string(200, 'x') + "\xF4\x90" + std::string(300, 'y');
  const std::string bytes = to_wire(side::client, wire_frame{.payload = payload});
  const std::size_t header = bytes.size() - payload.size();
  connection server = new_connection(side::server);
  feed(server, {bytes.substr(0, header + 201)});
  EXPECT_EQ(server.state(), state::open);
  feed(server, {bytes.substr(header + 201, 1)});
  EXPECT_EQ(server.close_sent(), (close_info{1007, "invalid UTF-8 at position 201"}));
}

TEST(connection, refuses_a_message_too_big_by_its_header) {
  connection server = new_connection(side::server);
  const std::string bytes = to_wire(side::client, wire_frame{.stated_length = 1001});
  feed(server, {bytes});
  ASSERT_TRUE(server.close_sent());
  EXPECT_EQ(server.close_sent()->code, 1009);
}

TEST(connection, without_max_size_takes_any) {
  connection server(side::server, {.max_size = std::nullopt}, {}, test::zeros());
  const std::string payload(3 << 20, 'x');
  const auto result = feed(server, {to_wire(side::client, wire_frame{.payload = payload})});
  EXPECT_EQ(result.events, std::vector<std::string>{"text " + payload});
}

TEST(connection, with_max_size_0_takes_empty_messages_only) {
  connection server(side::server, {.max_size = 0}, {}, test::zeros());
  EXPECT_EQ(feed(server, {to_wire(side::client, wire_frame{})}).events,
            std::vector<std::string>{"text "});
  feed(server, {to_wire(side::client, wire_frame{.payload = "x"})});
  EXPECT_EQ(server.close_sent(), (close_info{1009, "message of 1 bytes exceeds limit of 0 bytes"}));
}

TEST(connection, holds_what_is_left_when_more_comes) {
  connection server = new_connection(side::server);
  const std::string first = to_wire(
      side::client, std::vector<wire_frame>{{.payload = "a"}, {.payload = "b"}, {.payload = "c"}});
  const std::string second = to_wire(side::client, wire_frame{.payload = "d"});
  server.receive_data(as_bytes(first), {});
  EXPECT_EQ(test::describe(*server.next_event()), "text a");
  server.receive_data(as_bytes(second), {});
  for (const std::string expected : {"text b", "text c", "text d"}) {
    EXPECT_EQ(test::describe(*server.next_event()), expected);
  }
  EXPECT_FALSE(server.next_event());
}

TEST(connection, holds_input_over_many_steps) {
  connection server = new_connection(side::server);
  std::vector<std::string> expected, events;
  // Always a few messages more come than are taken: held input must neither be lost nor grow.
  for (int round = 0; round < 200; ++round) {
    std::string bytes;
    for (int i = 0; i < 3; ++i) {
      const std::string payload = std::to_string(3 * round + i);
      expected.push_back("text " + payload);
      bytes += to_wire(side::client, wire_frame{.payload = payload});
    }
    server.receive_data(as_bytes(bytes), {});
    for (int i = 0; i < 2; ++i) events.push_back(test::describe(*server.next_event()));
    server.hold_input();
    std::fill(bytes.begin(), bytes.end(), '\0');
  }
  server.receive_eof();
  EXPECT_EQ(server.state(), state::open) << "there is input left";
  while (auto event = server.next_event()) events.push_back(test::describe(*event));
  expected.push_back("close");
  EXPECT_EQ(events, expected);
  EXPECT_EQ(server.state(), state::closed);
}

TEST(connection, holds_lent_bytes_that_come_when_held_ones_are_used_up) {
  connection server = new_connection(side::server);
  const auto next = [&] { return test::describe(*server.next_event()); };
  std::string bytes = to_wire(
      side::client, std::vector<wire_frame>{{.payload = "a"}, {.payload = "b"}, {.payload = "c"}});
  server.receive_data(as_bytes(bytes), {});
  EXPECT_EQ(next(), "text a");
  server.hold_input();
  EXPECT_EQ(next(), "text b");
  EXPECT_EQ(next(), "text c");
  server.receive_data(as_bytes(bytes), {});
  EXPECT_EQ(next(), "text a");
  server.hold_input();
  std::fill(bytes.begin(), bytes.end(), '\0');
  EXPECT_EQ(next(), "text b");
  EXPECT_EQ(next(), "text c");
  EXPECT_FALSE(server.next_event());
}

TEST(connection, reads_large_payloads_to_where_they_stay) {
  const std::string first(300000, 'a'), second(200000, 'b');
  for (const side own : {side::server, side::client}) {
    const std::string bytes =
        to_wire(peer_of(own), std::vector<wire_frame>{{.payload = first, .fin = false},
                                                      {.opcode = ping, .payload = "p"},
                                                      {.opcode = continuation, .payload = second},
                                                      {.payload = "next"}});
    for (const std::size_t size : {std::size_t{1000}, std::size_t{4096}, std::size_t{65536},
                                   std::size_t{100001}, bytes.size()}) {
      connection it(own, {}, {}, test::zeros());
      const auto result = feed(it, test::chopped(bytes, size), false, delivery::direct);
      EXPECT_EQ(result.events,
                (std::vector<std::string>{"ping p", "text " + first + second, "text next"}))
          << size;
    }
  }
}

TEST(connection, offers_direct_space_only_for_large_payloads_under_way) {
  connection server(side::server, {}, {}, test::zeros());
  EXPECT_TRUE(server.direct_read_space().empty()) << "no frame has begun";
  const std::string bytes =
      to_wire(side::client, wire_frame{.opcode = binary, .payload = std::string(200000, 'x')});
  server.receive_data(as_bytes(bytes).first(100), {});
  EXPECT_TRUE(server.direct_read_space().empty()) << "the bytes lent come first";
  EXPECT_FALSE(server.next_event());
  const auto space = server.direct_read_space();
  EXPECT_GE(space.size(), 64U * 1024);
  EXPECT_LE(space.size(), 256U * 1024) << "memory is for what came, not for what was announced";
  std::copy_n(as_bytes(bytes).begin() + 100, space.size(), space.begin());
  server.receive_direct(space.size(), {});
  EXPECT_FALSE(server.next_event());
  EXPECT_LE(server.direct_read_space().size(), bytes.size() - 100 - space.size());
}

TEST(connection, fails_at_a_bad_byte_read_directly) {
  connection server(side::server, {}, {}, test::zeros());
  const std::string payload = std::string(100000, 'x') + "\xFF" + std::string(99999, 'x');
  const std::string bytes = to_wire(side::client, wire_frame{.payload = payload});
  const auto result = feed(server, test::chopped(bytes, 50000), false, delivery::direct);
  EXPECT_EQ(result.events, std::vector<std::string>{"close"});
  EXPECT_EQ(result.close_sent, (close_info{1007, "invalid UTF-8 at position 100000"}));
}

TEST(connection, coalesces_tiny_fragments) {
  connection server(side::server, {}, {}, test::zeros());
  std::string bytes = to_wire(side::client, wire_frame{.opcode = binary, .fin = false});
  const std::string empty = to_wire(side::client, wire_frame{.opcode = continuation, .fin = false});
  const std::string tiny =
      to_wire(side::client, wire_frame{.opcode = continuation, .payload = "x", .fin = false});
  for (int i = 0; i < 65536; ++i) bytes += i % 2 == 0 ? empty : tiny;
  bytes += to_wire(side::client, wire_frame{.opcode = continuation});
  server.receive_data(as_bytes(bytes), {});
  auto event = server.next_event();
  ASSERT_TRUE(event);
  EXPECT_EQ(event->payload.size(), 32768U);
  EXPECT_LE(std::move(event->payload).take().capacity(), 2U * 32768);
}

TEST(connection, streams_of_random_frames_are_the_same_however_chopped) {
  std::mt19937 random(11);
  for (int round = 0; round < 60; ++round) {
    std::vector<wire_frame> frames;
    for (int i = 0; i < 8; ++i) {
      wire_frame frame{.opcode = std::array{continuation, text, binary, ping, pong}[random() % 5],
                       .payload = std::string(random() % 130, static_cast<char>('a' + i)),
                       .fin = random() % 3 != 0};
      if (random() % 20 == 0) frame.payload += static_cast<char>(random());
      if (random() % 30 == 0) frame.rsv = random() % 8;
      if (random() % 30 == 0) frame.opcode = random() % 16;
      frames.push_back(frame);
    }
    const std::string bytes = to_wire(side::client, frames);
    connection whole = new_connection(side::server);
    const outcome expected = feed(whole, {bytes}, true);
    test::for_every_chop(bytes, [&](const std::vector<std::string>& pieces) {
      for (const auto how : {delivery::lent, delivery::held, delivery::direct}) {
        connection it = new_connection(side::server);
        ASSERT_EQ(feed(it, pieces, true, how), expected) << "round " << round;
      }
    });
  }
}

}  // namespace
}  // namespace duplex::protocol
