// What peers do to hurt, class by class, against the protocol of both sides: what each may cost at
// most is measured here. Classes that need a transport are in tests/api and tests/sync.
#include <gtest/gtest.h>

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <limits>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <duplex/protocol/handshake.hpp>

#include "support/cost.hpp"
#include "support/handshake.hpp"
#include "support/memory.hpp"
#include "support/protocol.hpp"

namespace duplex::protocol {
namespace {

using test::feed;
using test::mebibyte;
using test::memory_growth;
using test::processor_time;
using test::take_output;
using test::to_wire;
using test::wire_frame;

constexpr unsigned continuation = 0, text = 1, binary = 2, ping = 9;

class abuse : public testing::TestWithParam<side> {
 protected:
  std::string from_peer(const wire_frame& frame) const {
    return to_wire(peer_of(GetParam()), frame);
  }
  connection victim(connection_settings settings = {}) const {
    return connection(GetParam(), settings, {}, test::zeros());
  }
};

INSTANTIATE_TEST_SUITE_P(of, abuse, testing::Values(side::server, side::client),
                         [](const auto& each) {
                           return each.param == side::server ? "server" : "client";
                         });

// --- limit off by a little

TEST_P(abuse, limit_off_by_a_little_is_exact_in_one_frame_and_in_many) {
  const std::size_t limit = 70'000;
  for (const std::size_t cut : {std::size_t{0}, std::size_t{1}, std::size_t{125}, std::size_t{126},
                                limit / 2, limit - 1, limit}) {
    for (const std::size_t more : {std::size_t{0}, std::size_t{1}}) {
      connection it = victim({.max_size = limit});
      const std::string payload(limit + more, 'x');
      std::string bytes = from_peer({.payload = payload.substr(0, cut), .fin = false});
      bytes += from_peer({.opcode = continuation, .payload = payload.substr(cut)});
      if (cut == 0) bytes = from_peer({.payload = payload});
      const auto result = feed(it, {bytes});
      if (more == 0) {
        EXPECT_EQ(result.events, std::vector<std::string>{"text " + payload}) << cut;
      } else {
        EXPECT_EQ(result.close_sent,
                  (close_info{1009, "message of 70001 bytes exceeds limit of 70000 bytes"}))
            << cut;
      }
    }
  }
}

// --- millions of empty or tiny fragments

TEST_P(abuse, fragments_65536_of_64_bytes_are_one_message_of_4_mebibytes) {
  connection it = victim({.max_size = 4 * mebibyte});
  const std::string fragment =
      from_peer({.opcode = continuation, .payload = std::string(64, 'x'), .fin = false});
  memory_growth memory;
  feed(it, {from_peer({.opcode = binary, .fin = false})});
  for (int i = 0; i < 65'536; ++i) {
    it.receive_data(as_bytes(fragment), {});
    ASSERT_FALSE(it.next_event());
    if (i % 1'000 == 0) memory.look();
  }
  memory.look();
  const std::string last = from_peer({.opcode = continuation});
  it.receive_data(as_bytes(last), {});
  const auto event = it.next_event();
  memory.look();
  ASSERT_TRUE(event);
  EXPECT_EQ(event->payload.size(), 4 * mebibyte);
  memory.expect_below(2 * 4 * mebibyte + mebibyte);
}

TEST_P(abuse, fragments_that_are_empty_cost_no_memory_and_ever_the_same_time) {
  connection it = victim();
  const std::string empty = from_peer({.opcode = continuation, .fin = false});
  std::string thousand;
  for (int i = 0; i < 1'000; ++i) thousand += empty;
  feed(it, {from_peer({.opcode = text, .payload = "x", .fin = false})});
  memory_growth memory;
  std::array<double, 4> cost{};
  for (double& each : cost) {  // half a million each
    const double begin = processor_time();
    for (int i = 0; i < 500; ++i) {
      it.receive_data(as_bytes(thousand), {});
      ASSERT_FALSE(it.next_event());
    }
    each = processor_time() - begin;
    memory.look();
  }
  const auto result = feed(it, {from_peer({.opcode = continuation, .payload = "y"})});
  EXPECT_EQ(result.events, std::vector<std::string>{"text xy"});
  memory.expect_below(mebibyte);
  EXPECT_LT(*std::min_element(cost.begin() + 1, cost.end()), 3 * cost.front());
}

// --- frame-length overflow

TEST_P(abuse, frame_length_overflow_wraps_nowhere) {
  constexpr std::uint64_t most = std::numeric_limits<std::uint64_t>::max();
  const auto failure = [&](std::optional<std::size_t> limit, std::size_t before,
                           std::uint64_t length) {
    connection it = victim({.max_size = limit});
    std::string bytes;
    const wire_frame first{.opcode = binary, .payload = std::string(before, 'x'), .fin = false};
    if (before != 0) bytes = from_peer(first);
    const unsigned opcode = before != 0 ? continuation : binary;
    bytes += from_peer({.opcode = opcode, .length_size = 8, .stated_length = length});
    memory_growth memory;
    const auto result = feed(it, {bytes + std::string(1'000, 'x')});
    memory.look();
    memory.expect_below(mebibyte);
    return result.close_sent ? to_string(*result.close_sent) : "none";
  };
  const std::string too_big = "1009 (message too big) message of ";
  for (const std::size_t before : {0, 100}) {
    for (const std::uint64_t length : {most, most - 99, most - 100, std::uint64_t{1} << 63}) {
      EXPECT_TRUE(failure(mebibyte, before, length).starts_with("1002 (protocol error)"));
      EXPECT_TRUE(failure({}, before, length).starts_with("1002 (protocol error)"));
    }
    for (const std::uint64_t length :
         {most >> 1, (most >> 1) - 99, std::uint64_t{1} << 32, std::uint64_t{mebibyte} + 1}) {
      EXPECT_EQ(failure(mebibyte, before, length), too_big + std::to_string(before + length) +
                                                       " bytes exceeds limit of 1048576 bytes");
      // Without a limit memory is for what came, not for what was announced.
      EXPECT_EQ(failure({}, before, length), "none");
    }
  }
}

// --- ping flood

TEST_P(abuse, ping_flood_to_a_full_socket_keeps_one_pong) {
  connection it = victim();
  it.send(message::type::text, as_bytes("x"));
  it.data_sent(1);  // the socket is full
  const std::size_t before = it.buffered_amount();
  std::string flood;
  for (int i = 0; i < 1'000; ++i)
    flood += from_peer({.opcode = ping, .payload = std::string(125, 'p')});
  memory_growth memory;
  for (int i = 0; i < 300; ++i) {
    it.receive_data(as_bytes(flood), {});
    while (it.next_event()) continue;
    ASSERT_EQ(it.buffered_amount(), before);
    memory.look();
  }
  memory.expect_below(mebibyte);
  const std::string last = from_peer({.opcode = ping, .payload = "last"});
  it.receive_data(as_bytes(last), {});
  while (it.next_event()) continue;
  it.data_sent(before);
  EXPECT_TRUE(take_output(it).ends_with("last"));
}

TEST_P(abuse, pong_flood_answers_nothing_and_keeps_nothing) {
  connection it = victim();
  for (int i = 0; i < 2'000; ++i) it.send_ping(as_bytes(std::to_string(i)), {});
  take_output(it);
  std::string flood;
  for (int i = 0; i < 1'000; ++i) flood += from_peer({.opcode = 10, .payload = "unasked"});
  memory_growth memory;
  for (int i = 0; i < 100; ++i) {
    it.receive_data(as_bytes(flood), {});
    while (const auto event = it.next_event()) ASSERT_FALSE(event->ping_id);
    memory.look();
  }
  EXPECT_EQ(it.buffered_amount(), 0U);
  memory.expect_below(mebibyte);
}

TEST_P(abuse, data_flood_after_the_close_is_discarded) {
  connection it = victim({.max_size = {}});
  feed(it, {from_peer({.opcode = 8, .payload = test::close_payload(1000)})});
  const std::string flood(mebibyte, 'x');
  memory_growth memory;
  for (int i = 0; i < 200; ++i) {
    it.receive_data(as_bytes(flood), {});
    ASSERT_FALSE(it.next_event());
    memory.look();
  }
  memory.expect_below(mebibyte);
}

// --- header flood

template <class Handshake>
void flood(Handshake& handshake, const std::string& begin, const std::string& more) {
  memory_growth memory;
  handshake.receive_data(as_bytes(begin));
  for (int i = 0; i < 10'000; ++i) {
    handshake.receive_data(as_bytes(more));
    if (i % 100 == 0) memory.look();
  }
  memory.look();
  // 128 lines of 8 KiB, as they came and as headers, and what a buffer has to spare.
  memory.expect_below(4 * mebibyte);
}

std::vector<std::string> header_floods() {
  return {"A: b\r\n", "A: " + std::string(8'000, 'x') + "\r\n", std::string(8'000, 'x'), "\r\n"};
}

TEST(header_flood, is_refused_by_a_server_within_4_mebibytes) {
  for (const std::string& more : header_floods()) {
    server_handshake handshake;
    flood(handshake, more == "\r\n" ? "" : "GET / HTTP/1.1\r\n", more);
    ASSERT_TRUE(handshake.refusal());
    EXPECT_EQ(handshake.refusal()->status, more == "\r\n" ? 400 : 431);
  }
}

TEST(header_flood, fails_a_client_within_4_mebibytes) {
  for (const std::string& more : header_floods()) {
    client_handshake handshake(uri("ws://x/"), {});
    flood(handshake, more == "\r\n" ? "" : "HTTP/1.1 101 OK\r\n", more);
    EXPECT_TRUE(handshake.failure());
  }
  // Interim responses without end, and a body that never ends.
  client_handshake interim(uri("ws://x/"), {}), body(uri("ws://x/"), {});
  flood(interim, "", "HTTP/1.1 103 Early Hints\r\nA: " + std::string(8'000, 'x') + "\r\n\r\n");
  EXPECT_TRUE(interim.failure());
  flood(body, "HTTP/1.1 500 No\r\n\r\n", std::string(8'000, 'x'));
  EXPECT_TRUE(body.failure());
}

// --- request smuggling

TEST(request_smuggling, is_refused_and_nothing_behind_it_is_read) {
  const auto request = [](const test::fields& more) {
    test::fields all = test::request_fields();
    all.insert(all.end(), more.begin(), more.end());
    return test::head_bytes("GET / HTTP/1.1", all);
  };
  const std::string second = "GET /second HTTP/1.1\r\nHost: x\r\n\r\n";
  for (const std::string& first :
       {request({{"Content-Length", "5"}, {"Transfer-Encoding", "chunked"}}),
        request({{"Content-Length", std::to_string(second.size())}}),
        request({{"Content-Length", "0"}, {"Content-Length", "33"}}),
        request({{"Content-Length", "0,33"}}), request({{"Content-Length", "\v33"}}),
        request({{"Transfer-Encoding", "chunked"}}) + "0\r\n\r\n",
        request({{"Transfer-Encoding", "xchunked"}}), request({{"Transfer-Encoding", ""}}),
        request({{"Transfer-Encoding ", "chunked"}}),
        request({{"X", "y\r\n Transfer-Encoding: chunked"}}),
        request({{"X", "y\nTransfer-Encoding: chunked"}}),
        request({{"X", "y\rTransfer-Encoding: chunked"}}), request({{"Host", "other"}}),
        request({{"Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAAAA=="}})}) {
    server_handshake handshake;
    handshake.receive_data(as_bytes(first + second));
    handshake.receive_data(as_bytes(second));
    EXPECT_FALSE(handshake.next_request()) << first;
    ASSERT_TRUE(handshake.refusal()) << first;
    EXPECT_EQ(handshake.refusal()->status, 400) << first;
    EXPECT_EQ(handshake.refusal()->headers.get("Connection"), "close");
  }
}

// --- predictable masks

std::vector<mask_key> masks_of_a_new_client(int count) {
  connection client(side::client, {}, {});
  std::vector<mask_key> masks;
  for (int i = 0; i < count; ++i) {
    client.send(message::type::text, {});
    const std::string frame = take_output(client);
    EXPECT_EQ(frame.size(), 6U);
    mask_key mask;
    std::copy_n(as_bytes(frame).begin() + 2, mask.size(), mask.begin());
    masks.push_back(mask);
  }
  return masks;
}

std::uint32_t number_of(const mask_key& mask) { return std::bit_cast<std::uint32_t>(mask); }

TEST(masks, are_of_each_connection_and_thread_its_own) {
  std::array<std::vector<mask_key>, 4> all;
  all[0] = masks_of_a_new_client(1'000);
  all[1] = masks_of_a_new_client(1'000);
  std::thread([&] { all[2] = masks_of_a_new_client(1'000); }).join();
  std::thread([&] { all[3] = masks_of_a_new_client(1'000); }).join();
  std::set<std::uint32_t> different;
  for (const auto& masks : all) {
    for (const auto& mask : masks) different.insert(number_of(mask));
  }
  EXPECT_GE(different.size(), 3'990U) << "of 4,000 two or so may be alike by chance";
}

TEST(masks, have_no_bias_and_no_pattern) {
  constexpr int count = 100'000;
  const auto masks = masks_of_a_new_client(count);
  std::array<int, 32> ones{}, flips{};
  std::array<std::array<int, 256>, 4> bytes{};
  for (std::size_t i = 0; i < masks.size(); ++i) {
    const auto number = number_of(masks[i]);
    const auto flipped = number ^ (i == 0 ? 0 : number_of(masks[i - 1]));
    for (std::size_t bit = 0; bit < 32; ++bit) {
      ones[bit] += static_cast<int>(number >> bit & 1);
      flips[bit] += static_cast<int>(flipped >> bit & 1);
    }
    for (std::size_t at = 0; at < 4; ++at) ++bytes[at][std::to_integer<unsigned>(masks[i][at])];
  }
  // Half of the time, within eight standard deviations of 158.
  for (const auto& counts : {ones, flips}) {
    for (const int each : counts) EXPECT_NEAR(each, count / 2, 1'265);
  }
  for (const auto& counts : bytes) {
    double chi_square = 0;
    for (const int each : counts) {
      const double off = each - count / 256.0;
      chi_square += off * off / (count / 256.0);
    }
    EXPECT_NEAR(chi_square, 255, 200);  // standard deviation: 22.6
  }
}

TEST(masks, differ_between_a_process_and_its_fork) {
  masks_of_a_new_client(1);  // there is entropy in store
  std::array<int, 2> ends{};
  ASSERT_EQ(pipe(ends.data()), 0);
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    std::array<std::byte, 16> own;
    system_random()(own.data(), own.size());
    _exit(write(ends[1], own.data(), own.size()) == 16 ? 0 : 1);
  }
  std::array<std::byte, 16> own, others;
  system_random()(own.data(), own.size());
  EXPECT_EQ(read(ends[0], others.data(), others.size()), 16);
  int status = 1;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_NE(own, others);
  for (const int end : ends) close(end);
}

}  // namespace
}  // namespace duplex::protocol
