// RFC 6455 through real sockets: what a peer that speaks byte for byte gets from a server and from
// both clients.
#include <sys/socket.h>

#include <cerrno>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <duplex/client.hpp>
#include <duplex/server.hpp>
#include <duplex/sync/client.hpp>

#include "raw_client.hpp"
#include "support.hpp"
#include "support/raw_server.hpp"

namespace duplex::test {
namespace {

enum class subject { server, client, sync_client };

// What a peer gets, and how it ends.
struct answer {
  std::vector<std::string> frames;
  bool orderly = false;  // the server's side ended TCP first, and nobody by a reset

  bool operator==(const answer&) const = default;
};

std::ostream& operator<<(std::ostream& out, const answer& value) {
  for (const auto& each : value.frames) out << '[' << each.substr(0, 150) << "] ";
  return out << (value.orderly ? "orderly" : "disorderly");
}

constexpr std::size_t max_size = 100'000;

// A client says `bytes` to a server that echoes, and waits for it to hang up.
answer of_server(const std::string& bytes) {
  const auto server = serve(echo, "127.0.0.1", 0, {.ping_interval = {}, .max_size = max_size});
  answer result;
  run_test([&]() -> task<> {
    auto client = co_await raw_client::connect(server.port());
    co_await client.write(upgrade_request());
    co_await client.read_until("\r\n\r\n");
    co_await client.write(bytes);
    auto answered = co_await client.read_to_end();
    result = {frames_of(answered, side::server), !client.was_reset()};
  });
  return result;
}

// A server says `bytes` to a client that echoes, and hangs up once it has the close frame.
void talk(raw_peer& peer, const std::string& bytes, answer& result) {
  peer.accept_handshake();
  peer.write(bytes);
  std::string answered;
  do {
    const auto more = peer.read_some();
    if (more.empty()) return;
    answered += more;
    result.frames = frames_of(answered, side::client);
  } while (result.frames.empty() || !result.frames.back().starts_with("close"));
  char byte;
  const auto count = recv(peer.socket(), &byte, 1, MSG_DONTWAIT);
  const bool waits = count < 0 && errno == EAGAIN;
  peer.half_close();
  result.orderly = waits && peer.read_some().empty();
}

answer of_client(const std::string& bytes) {
  answer result;
  raw_server server([&](raw_peer& peer) { talk(peer, bytes, result); });
  const auto uri = server.uri();
  run_test([&]() -> task<> {
    auto ws = co_await connect(uri, {.ping_interval = {}, .max_size = max_size});
    co_await failure_of([&]() -> task<> { co_await echo(ws); });
    co_await ws.wait_closed();
  });
  return result;
}

answer of_sync_client(const std::string& bytes) {
  answer result;
  raw_server server([&](raw_peer& peer) { talk(peer, bytes, result); });
  auto ws = sync::connect(server.uri(), {.ping_interval = {}, .max_size = max_size});
  try {
    while (auto message = ws.next()) ws.send(*message);
  } catch (const connection_closed&) {
  }
  ws.close();
  return result;
}

class conformance : public testing::TestWithParam<subject> {
 protected:
  static side peer() { return GetParam() == subject::server ? side::client : side::server; }

  static answer answer_to(const std::string& bytes) {
    switch (GetParam()) {
      case subject::server:
        return of_server(bytes);
      case subject::client:
        return of_client(bytes);
      case subject::sync_client:
        return of_sync_client(bytes);
    }
    return {};
  }
  static answer answer_to(const std::vector<wire_frame>& frames) {
    return answer_to(to_wire(peer(), frames));
  }
};

INSTANTIATE_TEST_SUITE_P(of, conformance,
                         testing::Values(subject::server, subject::client, subject::sync_client),
                         [](const auto& each) {
                           return each.param == subject::server   ? "server"
                                  : each.param == subject::client ? "client"
                                                                  : "sync_client";
                         });

using frames = std::vector<std::string>;

TEST_P(conformance, messages_before_a_bad_frame_are_answered_first) {
  EXPECT_EQ(
      answer_to({{.payload = "one"},
                 {.opcode = 2, .payload = "t", .fin = false},
                 {.opcode = 9, .payload = "beat"},
                 {.opcode = 0, .payload = "wo"},
                 {.opcode = 0x3},
                 {.payload = "late"}}),
      (answer{{"text one", "pong beat", "binary two", "close 1002 unknown opcode 0x3"}, true}));
}

TEST_P(conformance, invalid_utf_8_fails_before_its_frame_is_complete) {
  std::string bytes = to_wire(peer(), wire_frame{.payload = "ab\xFF" + std::string(1000, 'c')});
  bytes.resize(bytes.size() - 1000);
  EXPECT_EQ(answer_to(bytes), (answer{{"close 1007 invalid UTF-8 at position 2"}, true}));
}

TEST_P(conformance, a_message_too_big_fails_by_its_header) {
  EXPECT_EQ(
      answer_to({{.payload = "one"}, {.stated_length = 100'001}}),
      (answer{{"text one", "close 1009 message of 100001 bytes exceeds limit of 100000 bytes"},
              true}));
}

TEST_P(conformance, the_wrong_mask_bit_fails) {
  const bool masked = peer() == side::server;
  const auto result = answer_to({{.payload = "a"}, {.payload = "b", .masked = masked}});
  EXPECT_EQ(result,
            (answer{{"text a", masked ? "close 1002 text frame from a server is masked"
                                      : "close 1002 text frame from a client is not masked"},
                    true}));
}

TEST_P(conformance, pings_are_answered_in_order) {
  std::vector<wire_frame> pings;
  frames expected;
  for (int i = 0; i < 100; ++i) {
    pings.push_back({.opcode = 9, .payload = std::to_string(i)});
    expected.push_back("pong " + std::to_string(i));
  }
  pings.push_back({.opcode = 8, .payload = close_payload(1000)});
  expected.push_back("close 1000");
  EXPECT_EQ(answer_to(pings), (answer{expected, true}));
}

TEST_P(conformance, a_close_inside_a_fragmented_message_is_echoed) {
  EXPECT_EQ(answer_to({{.payload = "fir", .fin = false},
                       {.opcode = 8, .payload = close_payload(4999, "bye")}}),
            (answer{{"close 4999 bye"}, true}));
}

TEST_P(conformance, an_empty_close_is_echoed_empty) {
  EXPECT_EQ(answer_to({{.opcode = 8}}), (answer{{"close"}, true}));
}

TEST_P(conformance, data_after_a_close_is_discarded) {
  EXPECT_EQ(answer_to({{.payload = "a"},
                       {.opcode = 8, .payload = close_payload(1001)},
                       {.payload = "late"},
                       {.opcode = 9},
                       {.opcode = 0x3},
                       {.opcode = 8, .payload = close_payload(1000)}}),
            (answer{{"text a", "close 1001"}, true}));
}

TEST_P(conformance, bad_close_frames_fail) {
  EXPECT_EQ(answer_to({{.opcode = 8, .payload = close_payload(1006)}}),
            (answer{{"close 1002 invalid close code 1006"}, true}));
  EXPECT_EQ(answer_to({{.opcode = 8, .payload = "x"}}),
            (answer{{"close 1002 close frame with a payload of 1 byte"}, true}));
  EXPECT_EQ(answer_to({{.opcode = 8, .payload = close_payload(1000, "\xE2\x82")}}),
            (answer{{"close 1007 invalid UTF-8 at position 2 of a close reason"}, true}));
}

TEST_P(conformance, a_large_message_comes_back_from_any_number_of_fragments) {
  const std::string payload(max_size, 'x');
  for (const std::size_t size : {max_size, std::size_t{10'000}, std::size_t{64}}) {
    std::vector<wire_frame> fragments;
    for (const auto& piece : chopped(payload, size)) {
      fragments.push_back({.opcode = fragments.empty() ? 1U : 0U, .payload = piece, .fin = false});
    }
    fragments.back().fin = true;
    fragments.push_back({.opcode = 8, .payload = close_payload(1000)});
    EXPECT_EQ(answer_to(fragments), (answer{{"text " + payload, "close 1000"}, true})) << size;
  }
}

}  // namespace
}  // namespace duplex::test
