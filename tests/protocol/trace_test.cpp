// The lines of a debug log: what they say, how long they are, and what they never say.
#include "protocol/trace.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include <duplex/protocol/connection.hpp>

#include "support/compression.hpp"
#include "support/protocol.hpp"

namespace duplex::protocol {
namespace {

using namespace std::chrono_literals;
using test::to_wire;
using test::wire_frame;

std::string frame(opcode code, std::string_view payload, bool fin = true, std::size_t max = 75) {
  return describe_frame(code, fin, as_bytes(payload), max);
}

using lines = std::vector<std::string>;

TEST(trace, frames_read_as_they_do_in_websockets) {
  EXPECT_EQ(frame(opcode::text, "hello"), "TEXT 'hello' [5 bytes]");
  EXPECT_EQ(frame(opcode::text, "x", false), "TEXT 'x' [1 byte, continued]");
  EXPECT_EQ(frame(opcode::text, ""), "TEXT '' [0 bytes]");
  EXPECT_EQ(frame(opcode::binary, std::string("\x00\xff", 2)), "BINARY 00 ff [2 bytes]");
  EXPECT_EQ(frame(opcode::binary, ""), "BINARY [0 bytes]");
  EXPECT_EQ(frame(opcode::continuation, "more"), "CONT 'more' [4 bytes]");
  EXPECT_EQ(frame(opcode::continuation, "\xA9"), "CONT a9 [1 byte]");
  EXPECT_EQ(frame(opcode::ping, "\x01\xfe"), "PING 01 fe [2 bytes]");
  EXPECT_EQ(frame(opcode::pong, "abc"), "PONG 'abc' [3 bytes]");
  EXPECT_EQ(frame(opcode::close,
                  "\x03\xe8"
                  "bye"),
            "CLOSE 1000 (OK) bye [5 bytes]");
  EXPECT_EQ(frame(opcode::close, ""), "CLOSE 1005 (no status received [internal]) [0 bytes]");
}

TEST(trace, long_payloads_lose_their_middle) {
  const std::string text = std::string(48, 'a') + std::string(1000, 'b') + std::string(24, 'c');
  EXPECT_EQ(frame(opcode::text, text),
            "TEXT '" + std::string(48, 'a') + "..." + std::string(24, 'c') + "' [1072 bytes]");
  EXPECT_EQ(frame(opcode::text, std::string(75, 'a')),
            "TEXT '" + std::string(75, 'a') + "' [75 bytes]");
  for (std::size_t size = 0; size < 400; ++size) {
    for (const std::size_t max : {12u, 13u, 75u, 200u}) {
      const std::string overhead = "BINARY '' [400 bytes]";
      EXPECT_LE(frame(opcode::text, std::string(size, 'x'), true, max).size(),
                overhead.size() + max);
      EXPECT_LE(frame(opcode::binary, std::string(size, 'x'), true, max).size(),
                overhead.size() + max);
    }
  }
}

TEST(trace, long_texts_are_cut_between_characters) {
  for (std::size_t offset = 0; offset < 4; ++offset) {
    std::string text(offset, 'x');
    while (text.size() < 400) text += "\U0001D11E";
    const auto line = frame(opcode::text, text);
    EXPECT_TRUE(is_utf8(as_bytes(line))) << line;
  }
}

TEST(trace, heads_keep_credentials_for_themselves) {
  const request asked{.target = "/feed?token=secret",
                      .headers = {{"Host", "example.org"},
                                  {"authorization", "Basic secret"},
                                  {"Cookie", "secret"},
                                  {"Proxy-Authorization", "secret"},
                                  {"X-Api-KEY", "secret"},
                                  {"Sec-WebSocket-Key", "nonce"},
                                  {"Sec-WebSocket-Protocol", "v1, secret"}}};
  EXPECT_EQ(
      describe(asked),
      (std::vector<std::string>{
          "GET /feed?(not logged) HTTP/1.1", "Host: example.org", "authorization: (not logged)",
          "Cookie: (not logged)", "Proxy-Authorization: (not logged)", "X-Api-KEY: (not logged)",
          "Sec-WebSocket-Key: nonce", "Sec-WebSocket-Protocol: (not logged)"}));
  const response answered{.status = 101,
                          .reason = "Switching Protocols",
                          .headers = {{"Set-Cookie", "secret"}, {"Upgrade", "websocket"}}};
  EXPECT_EQ(describe(answered),
            (std::vector<std::string>{"HTTP/1.1 101 Switching Protocols",
                                      "Set-Cookie: (not logged)", "Upgrade: websocket"}));
}

TEST(trace, places_of_redirects_keep_credentials_for_themselves) {
  const response answered{.status = 302,
                          .reason = "Found",
                          .headers = {{"location", "wss://me:secret@there/x?token=secret"}}};
  EXPECT_EQ(describe(answered),
            (lines{"HTTP/1.1 302 Found", "location: wss://***@there/x?(not logged)"}));
}

// --- of a connection

class traced : public testing::Test {
 protected:
  connection make(connection_settings settings = {}) {
    connection it(side::server, settings, start_, test::zeros());
    it.set_trace([this](std::string_view line) { lines_.emplace_back(line); });
    return it;
  }
  void receive(connection& it, const std::string& bytes) {
    it.receive_data(as_bytes(bytes), start_);
    while (it.next_event()) continue;
  }

  time_point start_{};
  std::vector<std::string> lines_;
};

TEST_F(traced, connection_tells_its_frames_and_states) {
  auto it = make();
  receive(it, to_wire(side::client, wire_frame{.opcode = 1, .payload = "hello"}) +
                  to_wire(side::client, wire_frame{.opcode = 2, .payload = "\x01", .fin = false}) +
                  to_wire(side::client, wire_frame{.opcode = 9, .payload = "p"}) +
                  to_wire(side::client, wire_frame{.opcode = 0, .payload = "\xff\x03"}));
  it.send(message::type::text, as_bytes("hi"));
  it.send_close(1000, "bye", start_);
  receive(it, to_wire(side::client, wire_frame{.opcode = 8, .payload = "\x03\xe8"}));
  it.receive_eof();
  EXPECT_EQ(lines_, (lines{"= connection is open", "< TEXT 'hello' [5 bytes]",
                           "< BINARY 01 [1 byte, continued]", "< PING 'p' [1 byte]",
                           "> PONG 'p' [1 byte]", "< CONT ff 03 [2 bytes]", "> TEXT 'hi' [2 bytes]",
                           "> CLOSE 1000 (OK) bye [5 bytes]", "= connection is closing",
                           "< CLOSE 1000 (OK) [2 bytes]", "= connection is closed"}));
}

TEST_F(traced, connection_tells_keepalive_and_failures) {
  auto it = make({.ping_interval = 10s});
  it.advance(start_ + 10s);
  receive(it, to_wire(side::client, wire_frame{.opcode = 3}));
  EXPECT_EQ(lines_, (lines{"= connection is open", "% sending a keepalive ping",
                           "> PING 00 00 00 00 [4 bytes]",
                           "! failing the connection: 1002 (protocol error) unknown opcode 0x3",
                           "> CLOSE 1002 (protocol error) unknown opcode 0x3 [20 bytes]",
                           "= connection is closing"}));
}

TEST_F(traced, payload_shown_is_the_one_before_compression) {
  auto pair = test::agree();
  const auto listen = [this](std::string_view line) { lines_.emplace_back(line); };
  pair.client.set_trace(listen);
  pair.client.send(message::type::text, as_bytes(std::string(60, 'b')), false, true);
  EXPECT_EQ(lines_.back(), "> TEXT '" + std::string(60, 'b') + "' [60 bytes]");
  const auto wire = test::take_output(pair.client);
  EXPECT_LT(wire.size(), 30u);
  pair.server.set_trace(listen);
  receive(pair.server, wire);
  EXPECT_EQ(lines_.back(), "< TEXT '" + std::string(60, 'b') + "' [60 bytes]");
}

}  // namespace
}  // namespace duplex::protocol
