// Bytes of a peer become messages and answers: the same however they are chopped, in order, in as
// few writes as can be.
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "support.hpp"

namespace duplex::test {
namespace {

// Everything a peer can see and an application can get.
struct exchange {
  std::vector<std::string> received, answered;
  std::string end;
  bool operator==(const exchange&) const = default;
};

exchange echo_of(side own, const std::vector<std::string>& pieces, memory_connection::options with,
                 bool with_eof = true) {
  with.side = own;
  memory_connection connection(with);
  exchange result;
  connection.start([&]() -> task<> {
    auto talk = [&]() -> task<> {
      while (auto message = co_await connection.ws().next()) {
        result.received.push_back((message->is_text() ? "text " : "binary ") +
                                  std::string(message->text()));
        co_await connection.ws().send(*message);
      }
    };
    result.end = co_await failure_of(talk);
  });
  connection.peer.pump();
  for (const auto& each : pieces) connection.feed(each);
  if (with_eof) connection.peer.send_eof();
  result.answered = connection.frames();
  EXPECT_TRUE(!with_eof || connection.tasks.running() == 0);
  return result;
}

std::vector<wire_frame> conversation() {
  return {
      {.opcode = 1, .payload = "caf\xC3\xA9"},
      {.opcode = 9, .payload = "beat"},
      {.opcode = 2, .payload = "fir", .fin = false},
      {.opcode = 9, .payload = "between"},
      {.opcode = 0, .payload = "st", .fin = true},
      {.opcode = 1, .payload = ""},
      {.opcode = 10, .payload = "unasked"},
      {.opcode = 2, .payload = std::string(300, 'm')},
      {.opcode = 8, .payload = close_payload(1000, "bye")},
  };
}

class exchange_of_side : public testing::TestWithParam<side> {
 protected:
  side own() const { return GetParam(); }
  side peer() const { return protocol::peer_of(own()); }
};

INSTANTIATE_TEST_SUITE_P(both, exchange_of_side, testing::Values(side::server, side::client),
                         [](const auto& each) {
                           return each.param == side::server ? "server" : "client";
                         });

TEST_P(exchange_of_side, is_the_same_for_every_chop) {
  const auto stream = to_wire(peer(), conversation());
  const exchange expected{
      {"text caf\xC3\xA9", "binary first", "text ", "binary " + std::string(300, 'm')},
      {"text caf\xC3\xA9", "pong beat", "pong between", "binary first", "text ",
       "binary " + std::string(300, 'm'), "close 1000 bye"},
      "none"};
  for_every_chop(stream, [&](const std::vector<std::string>& pieces) {
    ASSERT_EQ(echo_of(own(), pieces, {}), expected)
        << pieces.size() << " pieces, the first of " << pieces.front().size() << " bytes";
  });
}

TEST_P(exchange_of_side, is_the_same_whatever_the_read_limit) {
  const auto stream = to_wire(peer(), conversation());
  const auto expected = echo_of(own(), {stream}, {});
  for (const std::size_t limit : {1, 2, 3, 17, 100}) {
    EXPECT_EQ(echo_of(own(), {stream}, {.read_limit = limit}), expected) << limit;
  }
}

TEST_P(exchange_of_side, is_the_same_where_it_came_with_the_handshake) {
  const auto stream = to_wire(peer(), conversation());
  const auto expected = echo_of(own(), {stream}, {});
  for (std::size_t cut = 0; cut <= stream.size(); ++cut) {
    ASSERT_EQ(echo_of(own(), {stream.substr(cut)}, {.rest = stream.substr(0, cut)}), expected)
        << cut;
  }
}

TEST_P(exchange_of_side, is_the_same_where_reading_pauses_for_every_message) {
  const auto stream = to_wire(peer(), conversation());
  const auto expected = echo_of(own(), {stream}, {});
  const memory_connection::options tight{.max_queue = {1, 0}, .bytes_max = 1, .read_limit = 64};
  EXPECT_EQ(echo_of(own(), {stream}, tight), expected);
  EXPECT_EQ(echo_of(own(), chopped(stream, 1), tight), expected);
}

TEST_P(exchange_of_side, ends_with_what_was_complete_at_every_prefix) {
  const auto stream = to_wire(peer(), conversation());
  const auto whole = echo_of(own(), {stream}, {});
  for (std::size_t length = 0; length < stream.size(); ++length) {
    const auto cut = echo_of(own(), {stream.substr(0, length)}, {});
    EXPECT_EQ(cut.end, "closed error: no close frame received or sent") << length;
    ASSERT_LE(cut.received.size(), whole.received.size());
    EXPECT_TRUE(std::equal(cut.received.begin(), cut.received.end(), whole.received.begin()))
        << length;
    ASSERT_LE(cut.answered.size(), whole.answered.size());
    EXPECT_TRUE(std::equal(cut.answered.begin(), cut.answered.end(), whole.answered.begin()))
        << length;
  }
}

TEST_P(exchange_of_side, reads_large_messages_in_place_for_every_chop) {
  std::string payload(300 * 1024, 'x');
  for (std::size_t i = 0; i < payload.size(); ++i) payload[i] = static_cast<char>('a' + i % 23);
  const auto stream = text_frame(peer(), payload) + text_frame(peer(), "after");
  const exchange expected{{"text " + payload, "text after"},
                          {"text " + payload, "text after"},
                          "closed error: no close frame received or sent"};
  for (const std::size_t size : {std::size_t{1000}, std::size_t{65536}, stream.size() - 3}) {
    ASSERT_TRUE(echo_of(own(), chopped(stream, size), {}) == expected) << size;
  }
}

TEST(bad_frame, fails_the_connection_after_the_echo_of_the_good_message_before_it) {
  const auto good = text_frame(side::client, "good");
  const auto bad = to_wire(side::client, wire_frame{.opcode = 3, .payload = "x"});
  for_every_chop(good + bad, [&](const std::vector<std::string>& pieces) {
    const auto result = echo_of(side::server, pieces, {}, false);
    ASSERT_EQ(result.answered.size(), 2u);
    EXPECT_EQ(result.answered[0], "text good");
    EXPECT_TRUE(result.answered[1].starts_with("close 1002 ")) << result.answered[1];
  });
}

TEST(bad_frame, ends_the_receiver_with_its_code_and_reason) {
  memory_connection connection;
  std::string end;
  connection.start([&]() -> task<> {
    end = co_await failure_of([&]() -> task<> { co_await connection.ws().recv(); });
  });
  connection.feed(to_wire(side::client, wire_frame{.opcode = 1, .payload = "\xFF"}));
  EXPECT_EQ(connection.frames().size(), 1u);
  connection.peer.send_eof();
  connection.peer.pump();
  EXPECT_TRUE(end.starts_with("closed error: sent 1007 ")) << end;
}

TEST(pipelined_messages, of_one_read_are_answered_in_one_write) {
  for (const side own : {side::server, side::client}) {
    memory_connection connection({.side = own});
    connection.start([&]() -> task<> { co_await echo(connection.ws()); });
    connection.peer.pump();
    std::string batch;
    std::vector<std::string> expected;
    for (int i = 0; i < 20; ++i) {
      batch += text_frame(connection.far_side(), "message " + std::to_string(i));
      expected.push_back("text message " + std::to_string(i));
    }
    connection.feed(batch);
    EXPECT_EQ(connection.peer.writes(), 1u);
    EXPECT_EQ(connection.frames(), expected);
    connection.feed(batch);
    EXPECT_EQ(connection.peer.writes(), 2u);
  }
}

TEST(pipelined_messages, that_came_with_the_handshake_are_answered_in_order) {
  std::string batch;
  std::vector<std::string> expected;
  for (int i = 0; i < 20; ++i) {
    batch += text_frame(side::client, std::to_string(i));
    expected.push_back("text " + std::to_string(i));
  }
  memory_connection connection({.rest = batch});
  connection.start([&]() -> task<> { co_await echo(connection.ws()); });
  EXPECT_EQ(connection.frames(), expected);
}

TEST(sends_of_one_turn, leave_in_one_write_in_the_order_of_the_calls) {
  memory_connection connection;
  for (int i = 0; i < 5; ++i) {
    connection.start([&connection, i]() -> task<> {
      const auto text = std::to_string(i);
      co_await connection.ws().send(text);
      co_await connection.ws().send(text + "+");
    });
  }
  EXPECT_EQ(connection.frames(),
            (std::vector<std::string>{"text 0", "text 0+", "text 1", "text 1+", "text 2", "text 2+",
                                      "text 3", "text 3+", "text 4", "text 4+"}));
  EXPECT_EQ(connection.peer.writes(), 1u);
}

TEST(large_payload, is_written_from_where_it_is_after_what_was_queued_before_it) {
  memory_connection connection;
  const std::string large(100'000, 'l');
  connection.start([&]() -> task<> {
    co_await connection.ws().send("before");
    co_await connection.ws().send(large);
    co_await connection.ws().send("behind");
  });
  EXPECT_EQ(connection.frames(),
            (std::vector<std::string>{"text before", "text " + large, "text behind"}));
}

TEST(large_payload, is_kept_where_the_socket_is_full) {
  memory_connection connection;
  const auto large = std::make_unique<std::string>(200'000, 'l');
  for (std::size_t i = 0; i < large->size(); ++i) (*large)[i] = static_cast<char>('a' + i % 26);
  const std::string copy = *large;
  connection.peer.set_room(70'000);
  connection.start([&]() -> task<> {
    auto sending = [&]() -> task<> { co_await connection.ws().send(*large, {}, 0s); };
    const auto end = co_await failure_of(sending);
    EXPECT_EQ(end, "timeout: sending timed out");
    std::fill(large->begin(), large->end(), '!');  // ours again
    const auto next =
        co_await failure_of([&]() -> task<> { co_await connection.ws().send("next", {}, 0s); });
    EXPECT_EQ(next, "timeout: sending timed out");
  });
  ASSERT_TRUE(connection.run_until([&] { return connection.tasks.running() == 0; }));
  connection.peer.set_room(memory_peer::unlimited);
  EXPECT_EQ(connection.frames(), (std::vector<std::string>{"text " + copy, "text next"}));
}

TEST(a_full_socket, gets_every_byte_in_order_however_little_it_takes_at_a_time) {
  memory_connection connection({.write_limit = 1000});
  std::vector<std::string> expected;
  for (int i = 0; i < 40; ++i) expected.push_back("text " + std::string(100 + i, 'a' + i % 26));
  connection.peer.set_room(0);
  connection.start([&]() -> task<> {
    for (const auto& each : expected) co_await connection.ws().send(each.substr(5));
  });
  connection.peer.pump();
  for (int turns = 0; connection.tasks.running() != 0 && turns < 10'000; ++turns) {
    connection.peer.make_room(7);
    connection.peer.pump();
  }
  EXPECT_EQ(connection.tasks.running(), 0u);
  connection.peer.set_room(memory_peer::unlimited);
  EXPECT_EQ(connection.frames(), expected);
}

TEST(payload_type, is_what_it_is_unless_told_otherwise) {
  memory_connection connection;
  const std::vector<std::byte> bytes{std::byte{'b'}};
  connection.start([&]() -> task<> {
    co_await connection.ws().send("literal");
    co_await connection.ws().send(std::string("string"));
    co_await connection.ws().send(std::string_view("view"));
    co_await connection.ws().send(bytes);
    co_await connection.ws().send(bytes, {.text = true});
    co_await connection.ws().send("binary", {.text = false});
    const message whole(as_bytes("message"));
    co_await connection.ws().send(whole);
    co_await connection.ws().send("");
  });
  EXPECT_EQ(connection.frames(),
            (std::vector<std::string>{"text literal", "text string", "text view", "binary b",
                                      "text b", "binary binary", "binary message", "text "}));
}

TEST(text_that_is_not_utf_8, is_refused_and_nothing_is_sent) {
  memory_connection connection;
  connection.start([&]() -> task<> {
    const std::vector<std::byte> bytes{std::byte{0xC3}};
    const auto cut = co_await failure_of(
        [&]() -> task<> { co_await connection.ws().send(std::string_view("caf\xC3")); });
    EXPECT_EQ(cut, "invalid argument: a text message must be valid UTF-8");
    const auto as_text = co_await failure_of(
        [&]() -> task<> { co_await connection.ws().send(bytes, {.text = true}); });
    EXPECT_EQ(as_text, "invalid argument: a text message must be valid UTF-8");
    co_await connection.ws().send(bytes);
    co_await connection.ws().send(std::string_view("\xFF"), {.text = false});
  });
  EXPECT_EQ(connection.frames(), (std::vector<std::string>{"binary \xC3", "binary \xFF"}));
}

TEST(message_limit, is_exact) {
  protocol::connection_settings settings{.max_size = 10, .ping_interval = {}};
  memory_connection connection({.settings = settings});
  connection.start([&]() -> task<> {
    co_await failure_of([&]() -> task<> { co_await echo(connection.ws()); });
  });
  connection.feed_text(std::string(10, 'x'));
  connection.feed_text(std::string(11, 'x'));
  const auto frames = connection.frames();
  ASSERT_EQ(frames.size(), 2u);
  EXPECT_EQ(frames[0], "text xxxxxxxxxx");
  EXPECT_EQ(frames[1], "close 1009 message of 11 bytes exceeds limit of 10 bytes");
}

}  // namespace
}  // namespace duplex::test
