// RFC 6455 on both sides, exhaustively where that is possible: each rule for every value it speaks
// of.
#include <duplex/protocol/connection.hpp>

#include <gtest/gtest.h>

#include <array>
#include <string>
#include <vector>

#include "support/protocol.hpp"

namespace duplex::protocol {
namespace {

using test::close_payload;
using test::feed;
using test::outcome;
using test::to_wire;
using test::wire_frame;

constexpr unsigned continuation = 0x0, text = 0x1, binary = 0x2, closing = 0x8, ping = 0x9,
                   pong = 0xA;

class conformance : public testing::TestWithParam<side> {
 protected:
  static side own() { return GetParam(); }
  static side peer() { return peer_of(own()); }

  static connection new_connection() { return {own(), {}, {}, test::zeros()}; }
  static outcome receive(const std::string& bytes) {
    connection it = new_connection();
    return feed(it, {bytes});
  }
  static outcome receive(const std::vector<wire_frame>& frames) {
    return receive(to_wire(peer(), frames));
  }
  // The code a stream fails with; 0 where it does not fail.
  static unsigned failure_of(const outcome& result) {
    if (!result.close_sent || result.close_rcvd) return 0;
    EXPECT_FALSE(result.close_sent->reason.empty()) << "a failure says why";
    EXPECT_EQ(result.events.back(), "close");
    return result.close_sent->code;
  }
  // The frames a connection sent, whose masks are zeros.
  static std::string sent(std::vector<wire_frame> frames) {
    std::string bytes;
    for (wire_frame& each : frames) {
      each.masked = false;
      std::string frame = to_wire(own(), each);
      if (own() == side::client) {
        frame[1] = static_cast<char>(frame[1] | '\x80');
        frame.insert(2, 4, '\0');
      }
      bytes += frame;
    }
    return bytes;
  }
};

INSTANTIATE_TEST_SUITE_P(of, conformance, testing::Values(side::server, side::client),
                         [](const auto& each) {
                           return each.param == side::server ? "server" : "client";
                         });

// --- messages before a bad frame

TEST_P(conformance, whatever_is_wrong_the_messages_before_it_are_delivered_and_answered) {
  const std::vector<wire_frame> bad{
      {.rsv = 4},
      {.opcode = 0x3},
      {.opcode = 0xF},
      {.masked = own() == side::client},
      {.opcode = ping, .fin = false},
      {.opcode = ping, .payload = std::string(126, 'x')},
      {.opcode = continuation},
      {.payload = "x", .length_size = 2},
      {.payload = "\xFF"},
      {.stated_length = 1 << 30},
      {.opcode = closing, .payload = "x"},
      {.opcode = closing, .payload = close_payload(1005)},
  };
  const std::string good =
      to_wire(peer(), std::vector<wire_frame>{{.payload = "one"},
                                              {.opcode = binary, .payload = "t", .fin = false},
                                              {.opcode = ping, .payload = "beat"},
                                              {.opcode = continuation, .payload = "wo"}});
  for (const wire_frame& each : bad) {
    connection it = new_connection();
    const std::string bytes = good + to_wire(peer(), each);
    it.receive_data(as_bytes(bytes), {});
    std::vector<std::string> events;
    while (auto event = it.next_event()) {
      events.push_back(test::describe(*event));
      if (event->kind != event::type::message) continue;
      ASSERT_EQ(it.state(), state::open) << "the frame behind a message is not looked at yet";
      const auto type = event->payload.is_text() ? message::type::text : message::type::binary;
      it.send(type, event->payload.bytes());
    }
    EXPECT_EQ(events, (std::vector<std::string>{"text one", "ping beat", "binary two", "close"}));
    ASSERT_TRUE(it.close_sent());
    const auto& [code, reason] = *it.close_sent();
    EXPECT_EQ(test::take_output(it),
              sent({{.payload = "one"},
                    {.opcode = pong, .payload = "beat"},
                    {.opcode = binary, .payload = "two"},
                    {.opcode = closing, .payload = close_payload(code, reason)}}));
  }
}

// --- UTF-8

struct bad_text {
  std::string bytes;
  std::size_t position;  // of the first byte that no valid text has there
};

std::vector<bad_text> bad_texts() {
  return {
      {"\x80", 0},              // continuation of nothing
      {"\xBF", 0},              //
      {"\xC0\x80", 0},          // overlong
      {"\xC1\xBF", 0},          //
      {"\xE0\x80\x80", 1},      //
      {"\xE0\x9F\xBF", 1},      //
      {"\xF0\x80\x80\x80", 1},  //
      {"\xF0\x8F\xBF\xBF", 1},  //
      {"\xED\xA0\x80", 1},      // surrogates
      {"\xED\xBF\xBF", 1},      //
      {"\xF4\x90\x80\x80", 1},  // beyond U+10FFFF
      {"\xF5\x80\x80\x80", 0},  //
      {"\xF8\x88\x80\x80", 0},  // five and six bytes
      {"\xFC\x84\x80\x80", 0},  //
      {"\xFE", 0},              //
      {"\xFF", 0},              //
      {"\xC2\x41", 1},          // cut characters
      {"\xE2\x82\x41", 2},      //
      {"\xF0\x9F\x98\x41", 3},  //
      {"\xE2\xC2\x80", 1},      //
  };
}

TEST_P(conformance, invalid_utf_8_fails_at_its_first_byte_inside_a_frame) {
  for (const auto& [bad, at] : bad_texts()) {
    for (const std::size_t before : {0, 1, 7, 31, 32, 100, 126, 70000}) {
      const std::string payload = std::string(before, 'a') + bad + std::string(200, 'b');
      const std::string bytes = to_wire(peer(), wire_frame{.payload = payload});
      const std::size_t header = bytes.size() - payload.size();
      connection it = new_connection();
      feed(it, {bytes.substr(0, header + before + at)});
      ASSERT_EQ(it.state(), state::open) << "nothing is wrong so far";
      feed(it, {bytes.substr(header + before + at, 1)});
      const std::string reason = "invalid UTF-8 at position " + std::to_string(before + at);
      ASSERT_EQ(it.close_sent(), (close_info{1007, reason}));
    }
  }
}

TEST_P(conformance, invalid_utf_8_fails_at_its_first_byte_across_fragments) {
  for (const auto& [bad, at] : bad_texts()) {
    for (std::size_t cut = 0; cut <= at; ++cut) {
      connection it = new_connection();
      feed(it, {to_wire(peer(),
                        std::vector<wire_frame>{{.payload = "a" + bad.substr(0, cut), .fin = false},
                                                {.opcode = ping},
                                                {.opcode = continuation, .fin = false}})});
      ASSERT_EQ(it.state(), state::open);
      const auto result = feed(
          it,
          {to_wire(peer(),
                   wire_frame{.opcode = continuation, .payload = bad.substr(cut), .fin = false})});
      ASSERT_EQ(failure_of(result), 1007U);
      ASSERT_EQ(it.close_sent()->reason, "invalid UTF-8 at position " + std::to_string(1 + at));
    }
  }
}

TEST_P(conformance, every_character_is_received_whole_and_in_pieces) {
  std::string all;
  for (const std::string each : {"\x01", "\x7F", "\xC2\x80", "\xDF\xBF", "\xE0\xA0\x80",
                                 "\xED\x9F\xBF", "\xEE\x80\x80", "\xEF\xBF\xBF", "\xEF\xB7\x90",
                                 "\xF0\x90\x80\x80", "\xF4\x8F\xBF\xBF", "\xF0\x9F\xBF\xBE"}) {
    all += each;
  }
  all.push_back('\0');
  std::vector<wire_frame> fragments;
  for (const char byte : all) {
    fragments.push_back({.opcode = fragments.empty() ? text : continuation,
                         .payload = std::string(1, byte),
                         .fin = false});
  }
  fragments.push_back({.opcode = continuation});
  EXPECT_EQ(receive(fragments).events, std::vector<std::string>{"text " + all});
  EXPECT_EQ(receive({{.payload = all}}).events, std::vector<std::string>{"text " + all});
  EXPECT_EQ(receive({{.opcode = binary, .payload = "\xFF"}}).events,
            std::vector<std::string>{"binary \xFF"});
}

TEST_P(conformance, a_text_may_not_end_inside_a_character) {
  for (const std::string cut : {"\xC3", "\xE2\x82", "\xF0\x9F\x98"}) {
    EXPECT_EQ(failure_of(receive({{.payload = cut}})), 1007U);
    EXPECT_EQ(failure_of(receive({{.payload = cut, .fin = false}, {.opcode = continuation}})),
              1007U);
  }
}

// --- headers

TEST_P(conformance, the_first_two_bytes_of_a_frame_are_judged_by_section_5_2) {
  const bool from_client = peer() == side::client;
  for (unsigned first = 0; first < 256; ++first) {
    for (unsigned second = 0; second < 256; ++second) {
      const unsigned code = first & 0xF, length = second & 0x7F;
      const bool fin = (first & 0x80) != 0, reserved = (first & 0x70) != 0,
                 masked = (second & 0x80) != 0, control = code >= 8;
      const bool known = code <= 2 || (code >= 8 && code <= 10);
      const bool wrong =
          reserved || !known || masked != from_client || (control && (!fin || length > 125));
      if (code == continuation && !wrong) continue;  // depends on what was before
      const auto result = receive(std::string{static_cast<char>(first), static_cast<char>(second)});
      ASSERT_EQ(failure_of(result), wrong ? 1002U : 0U) << std::hex << first << " " << second;
    }
  }
}

TEST_P(conformance, lengths_are_written_in_the_fewest_bytes) {
  for (const std::uint64_t length : {0, 1, 124, 125}) {
    for (const int size : {2, 8}) {
      EXPECT_EQ(failure_of(receive({{.length_size = size, .stated_length = length}})), 1002U);
    }
  }
  for (const std::uint64_t length : {126, 127, 65534, 65535}) {
    EXPECT_EQ(failure_of(receive({{.length_size = 8, .stated_length = length}})), 1002U);
    EXPECT_EQ(failure_of(receive({{.length_size = 2, .stated_length = length}})), 0U);
  }
  EXPECT_EQ(failure_of(receive({{.length_size = 8, .stated_length = 65536}})), 0U);
}

TEST_P(conformance, the_highest_bit_of_a_length_is_0) {
  for (const unsigned code : {text, binary}) {
    for (const std::uint64_t length :
         {std::uint64_t{1} << 63, std::uint64_t{1} << 63 | 5, ~std::uint64_t{0}}) {
      EXPECT_EQ(failure_of(receive({{.opcode = code, .stated_length = length}})), 1002U);
    }
  }
}

TEST_P(conformance, control_frames_have_at_most_125_bytes) {
  for (const unsigned code : {ping, pong}) {
    for (std::size_t size = 0; size <= 125; ++size) {
      ASSERT_EQ(failure_of(receive({{.opcode = code, .payload = std::string(size, 'x')}})), 0U);
    }
    for (const std::size_t size : {126, 127, 1000, 70000}) {
      ASSERT_EQ(failure_of(receive({{.opcode = code, .payload = std::string(size, 'x')}})), 1002U);
    }
  }
  const std::string reason(124, 'r');
  EXPECT_EQ(failure_of(receive({{.opcode = closing, .payload = close_payload(1000, reason)}})),
            1002U);
}

// --- fragments

TEST_P(conformance, fragments_follow_section_5_4_in_every_order) {
  // Every sequence of three data frames, against the rule said in one line.
  struct kind {
    unsigned opcode;
    bool fin;
  };
  const std::array<kind, 4> kinds{
      {{text, true}, {text, false}, {continuation, true}, {continuation, false}}};
  for (unsigned sequence = 0; sequence < 64; ++sequence) {
    std::vector<wire_frame> frames;
    bool inside = false, fails = false;
    for (unsigned left = sequence, i = 0; i < 3; ++i, left /= 4) {
      const auto [code, fin] = kinds[left % 4];
      frames.push_back({.opcode = code, .payload = "x", .fin = fin});
      frames.push_back({.opcode = pong});
      fails = fails || (code == continuation) != inside;
      inside = !fin;
    }
    EXPECT_EQ(failure_of(receive(frames)), fails ? 1002U : 0U) << sequence;
  }
}

// --- pings

TEST_P(conformance, pings_of_every_size_are_answered_in_order) {
  std::vector<wire_frame> pings, pongs;
  for (std::size_t size = 0; size <= 125; ++size) {
    const std::string payload(size, static_cast<char>(size));
    pings.push_back({.opcode = ping, .payload = payload});
    pongs.push_back({.opcode = pong, .payload = payload});
  }
  const std::string bytes = to_wire(peer(), pings);
  for (const std::size_t size : {bytes.size(), std::size_t{1}, std::size_t{7}, std::size_t{1000}}) {
    connection it = new_connection();
    EXPECT_EQ(feed(it, test::chopped(bytes, size)).output, sent(pongs));
  }
}

TEST_P(conformance, pongs_that_nobody_asked_for_are_taken) {
  const auto result = receive({{.opcode = pong}, {.opcode = pong, .payload = "x"}});
  EXPECT_EQ(result.output, "");
  EXPECT_EQ(result.state, state::open);
}

// --- close frames

TEST_P(conformance, every_close_code_is_echoed_or_refused_by_section_7_4) {
  for (unsigned code = 0; code <= 0xFFFF; ++code) {
    const bool allowed = (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
                         (code >= 3000 && code <= 4999);
    const auto result = receive({{.opcode = closing, .payload = close_payload(code, "why")}});
    ASSERT_EQ(result.events, std::vector<std::string>{"close"});
    if (allowed) {
      ASSERT_EQ(result.close_rcvd, (close_info{static_cast<std::uint16_t>(code), "why"}));
      ASSERT_EQ(result.close_sent, result.close_rcvd);
    } else {
      ASSERT_EQ(result.close_rcvd, std::nullopt);
      ASSERT_EQ(result.close_sent,
                (close_info{1002, "invalid close code " + std::to_string(code)}));
    }
  }
}

TEST_P(conformance, a_close_payload_is_empty_or_has_a_code) {
  EXPECT_EQ(receive({{.opcode = closing}}).output, sent({{.opcode = closing}}));
  for (unsigned byte = 0; byte < 256; ++byte) {
    const std::string payload(1, static_cast<char>(byte));
    ASSERT_EQ(failure_of(receive({{.opcode = closing, .payload = payload}})), 1002U);
  }
}

TEST_P(conformance, a_close_reason_is_utf_8) {
  for (const auto& [bad, at] : bad_texts()) {
    const auto result = receive({{.opcode = closing, .payload = close_payload(1000, "ab" + bad)}});
    ASSERT_EQ(result.close_sent,
              (close_info{1007, "invalid UTF-8 at position " + std::to_string(2 + at) +
                                    " of a close reason"}));
  }
  const std::string longest = std::string(120, 'r') + "\xE2\x82\xAC";
  EXPECT_EQ(receive({{.opcode = closing, .payload = close_payload(1000, longest)}}).close_rcvd,
            (close_info{1000, longest}));
}

TEST_P(conformance, a_close_inside_a_fragmented_message_is_echoed_with_its_code) {
  for (const unsigned code : {1000U, 1001U, 1011U, 3000U, 4999U}) {
    const auto result = receive({{.payload = "fir", .fin = false},
                                 {.opcode = closing, .payload = close_payload(code, "bye")},
                                 {.opcode = continuation, .payload = "st"}});
    EXPECT_EQ(result.output, sent({{.opcode = closing, .payload = close_payload(code, "bye")}}));
    EXPECT_EQ(result.events, std::vector<std::string>{"close"});
  }
}

TEST_P(conformance, whatever_follows_a_close_frame_is_discarded) {
  const std::string close =
      to_wire(peer(), wire_frame{.opcode = closing, .payload = close_payload(1000)});
  const outcome expected = receive(close);
  for (const wire_frame& each :
       std::vector<wire_frame>{{.payload = "late"},
                               {.opcode = ping},
                               {.opcode = 0x3},
                               {.payload = "\xFF"},
                               {.stated_length = 1 << 30},
                               {.opcode = closing, .payload = close_payload(1001)}}) {
    const std::string bytes = close + to_wire(peer(), each);
    EXPECT_EQ(receive(bytes), expected);
    connection it = new_connection();
    EXPECT_EQ(feed(it, test::chopped(bytes, 1)), expected);
  }
}

// --- sizes

TEST_P(conformance, the_size_of_a_message_is_limited_exactly) {
  for (const std::size_t limit : {1, 125, 126, 1000, 65535, 65536}) {
    const auto failure = [&](const std::vector<wire_frame>& frames) {
      connection it(own(), {.max_size = limit}, {}, test::zeros());
      return failure_of(feed(it, {to_wire(peer(), frames)}));
    };
    const std::string fits(limit, 'x');
    EXPECT_EQ(failure({{.payload = fits}}), 0U);
    EXPECT_EQ(failure({{.payload = fits}, {.payload = fits}}), 0U) << "the limit is a message's";
    EXPECT_EQ(failure({{.payload = fits, .fin = false}, {.opcode = continuation}}), 0U);
    EXPECT_EQ(failure({{.payload = fits + "x"}}), 1009U);
    EXPECT_EQ(failure({{.payload = fits, .fin = false}, {.opcode = continuation, .payload = "x"}}),
              1009U);
    EXPECT_EQ(failure({{.stated_length = (std::uint64_t{1} << 63) - 1}}), 1009U);
  }
}

}  // namespace
}  // namespace duplex::protocol
