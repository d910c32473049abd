// Compressed messages on connections of both sides (RFC 7692 sections 6 and 7.2).
#include <malloc.h>

#include <memory>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <duplex/protocol/permessage_deflate.hpp>

#include "support/compression.hpp"
#include "support/protocol.hpp"
#include "support/sanitizers.hpp"

namespace duplex::protocol {
namespace {

using test::feed;
using test::take_output;
using test::to_wire;
using test::wire_frame;

const std::string hello_bytes("\xf2\x48\xcd\xc9\xc9\x07\x00", 7);

connection one_side(side own, const deflate_options& options = {},
                    connection_settings settings = {}) {
  auto pair = test::agree(options, options, settings);
  return own == side::server ? std::move(pair.server) : std::move(pair.client);
}

// A JSON-like text of about this size.
std::string json(std::mt19937& random, std::size_t size) {
  std::string text = "[";
  while (text.size() < size) {
    text += "{\"id\":" + std::to_string(random() % 100'000) + ",\"name\":\"user" +
            std::to_string(random() % 50) + "\",\"active\":true},";
  }
  text.resize(size);
  return text;
}

std::string noise(std::mt19937& random, std::size_t size) {
  std::string bytes(size, '\0');
  for (char& each : bytes) each = static_cast<char>(random());
  return bytes;
}

// --- the examples of section 7.2.3, in either direction, however they are chopped

struct example {
  std::string name;
  std::vector<wire_frame> frames;
  std::vector<std::string> messages;
};

std::vector<example> examples() {
  const std::string hello = "text Hello";
  return {
      {"7.2.3.1 one block", {{.payload = hello_bytes, .rsv = 4}}, {hello}},
      {"7.2.3.1 two fragments",
       {{.payload = hello_bytes.substr(0, 3), .fin = false, .rsv = 4},
        {.opcode = 0, .payload = hello_bytes.substr(3)}},
       {hello}},
      {"7.2.3.2 a shared window",
       {{.payload = hello_bytes, .rsv = 4},
        {.payload = std::string("\xf2\x00\x11\x00\x00", 5), .rsv = 4}},
       {hello, hello}},
      {"7.2.3.3 a block without compression",
       {{.payload = std::string("\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00", 11), .rsv = 4}},
       {hello}},
      {"7.2.3.4 a last block",
       {{.payload = std::string("\xf3\x48\xcd\xc9\xc9\x07\x00\x00", 8), .rsv = 4}},
       {hello}},
      {"7.2.3.5 two blocks",
       {{.payload = std::string("\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00", 13),
         .rsv = 4}},
       {hello}},
      {"7.2.3.6 an empty fragment at the end",
       {{.payload = std::string("\xf2\x48\xcd\xc9\xc9\x07\x00\x00\x00\xff\xff", 11),
         .fin = false,
         .rsv = 4},
        {.opcode = 0, .payload = std::string(1, '\0')}},
       {hello}},
      {"a last block that ends with what was left out",
       {{.payload = hello_bytes + std::string("\0\0\xFF\xFF\x01", 5), .rsv = 4},
        {.payload = "\x01", .rsv = 4},
        {.payload = hello_bytes, .rsv = 4}},
       {hello, "text ", hello}},
      {"an empty message", {{.payload = std::string(1, '\0'), .rsv = 4}}, {"text "}},
      {"no byte at all", {{.payload = "", .rsv = 4}}, {"text "}},
      {"messages with and without compression in turn",
       {{.payload = hello_bytes, .rsv = 4},
        {.payload = "plain"},
        {.opcode = 2, .payload = hello_bytes, .rsv = 4}},
       {hello, "text plain", "binary Hello"}},
      {"control frames between fragments",
       {{.payload = hello_bytes.substr(0, 2), .fin = false, .rsv = 4},
        {.opcode = 9, .payload = "p"},
        {.opcode = 0, .payload = "", .fin = false},
        {.opcode = 10, .payload = "q"},
        {.opcode = 0, .payload = hello_bytes.substr(2), .fin = false},
        {.opcode = 9, .payload = "r"},
        {.opcode = 0, .payload = ""}},
       {"ping p", "pong q", "ping r", hello}},
  };
}

TEST(permessage_deflate, receives_the_examples_of_rfc_7692_at_every_chop) {
  for (const side own : {side::server, side::client}) {
    for (const auto& [name, frames, messages] : examples()) {
      test::for_every_chop(to_wire(peer_of(own), frames),
                           [&, &name = name, &messages = messages](const auto& pieces) {
                             for (const auto how : {test::delivery::lent, test::delivery::held,
                                                    test::delivery::direct}) {
                               connection it = one_side(own);
                               const auto result = feed(it, pieces, false, how);
                               ASSERT_EQ(result.events, messages) << name << ": " << result;
                             }
                           });
    }
  }
}

TEST(permessage_deflate, sends_hello_as_rfc_7692_does) {
  // Its bytes are those of the fixed code, which zlib takes for so short a text.
  connection it = one_side(side::server, {.level = 6});
  it.send(message::type::text, as_bytes("Hello"), false, true);
  EXPECT_EQ(take_output(it), "\x81\x05Hello");  // no shorter
  const std::string text = "HelloHelloHelloHello";
  it.send(message::type::text, as_bytes(text), false, true);
  const std::string bytes = take_output(it);
  EXPECT_EQ(bytes.substr(0, 1), "\xC1");
  EXPECT_LT(bytes.size(), text.size());
  EXPECT_NE(bytes.substr(bytes.size() - 4), std::string("\0\0\xFF\xFF", 4));
}

// --- both sides against each other

struct exchange {
  connection& from;
  connection& to;
  std::mt19937& random;

  // Sends one message, in fragments or not, with pings between, and chops it on its way.
  void check(const std::string& text, std::optional<bool> compress) {
    std::vector<std::string> expected;
    if (random() % 2 == 0) {
      from.send(message::type::binary, as_bytes(text), false, compress);
    } else {
      for (std::size_t at = 0; at < text.size();) {
        const auto count = std::min<std::size_t>(text.size() - at, random() % (text.size() + 1));
        from.send_fragment(message::type::binary, as_bytes(text).subspan(at, count), false,
                           compress);
        if (random() % 4 == 0) {
          from.send_ping(as_bytes("p"), {});
          expected.push_back("ping p");
        }
        at += count;
      }
      from.send_fragment(message::type::binary, {}, true);
    }
    expected.push_back("binary " + text);
    const std::string bytes = take_output(from);
    std::vector<std::string> pieces;
    for (std::size_t at = 0; at < bytes.size();) {
      const auto count = std::min<std::size_t>(bytes.size() - at, random() % bytes.size() + 1);
      pieces.push_back(bytes.substr(at, count));
      at += count;
    }
    const auto result = feed(to, pieces);
    ASSERT_EQ(result.events, expected) << result;
    feed(from, {result.output});
  }
};

TEST(permessage_deflate, both_sides_understand_each_other_with_all_parameters) {
  std::mt19937 random(1);
  for (int takeover = 0; takeover < 4; ++takeover) {
    for (int server_bits = 8; server_bits <= 15; ++server_bits) {
      for (int client_bits = 8; client_bits <= 15; ++client_bits) {
        const deflate_options options{.server_no_context_takeover = (takeover & 1) != 0,
                                      .client_no_context_takeover = (takeover & 2) != 0,
                                      .server_max_window_bits = server_bits,
                                      .client_max_window_bits = client_bits,
                                      .level = static_cast<int>(random() % 10),
                                      .memory_level = static_cast<int>(random() % 9) + 1,
                                      .threshold = random() % 200};
        auto [server, client] = test::agree(options, options);
        for (int i = 0; i < 8; ++i) {
          const std::size_t size = random() % 3 == 0 ? random() % 30'000 : random() % 300;
          const std::string text = random() % 4 == 0 ? noise(random, size) : json(random, size);
          const std::optional<bool> compress =
              random() % 2 == 0 ? std::optional<bool>() : random() % 2 == 0;
          exchange{server, client, random}.check(text, compress);
          exchange{client, server, random}.check(json(random, size), compress);
          if (HasFatalFailure()) {
            FAIL() << takeover << ' ' << server_bits << ' ' << client_bits << " level "
                   << options.level;
          }
        }
      }
    }
  }
}

TEST(permessage_deflate, goes_both_ways_with_what_came_before) {
  std::mt19937 random(2);
  auto [server, client] = test::agree();
  auto [fresh_server, fresh_client] =
      test::agree({.server_no_context_takeover = true, .client_no_context_takeover = true});
  const std::string text = json(random, 2000);
  for (auto* side : {&server, &client}) {
    side->send(message::type::text, as_bytes(text));
    const auto first = take_output(*side).size();
    side->send(message::type::text, as_bytes(text));
    EXPECT_LT(take_output(*side).size(), first / 4);
  }
  for (auto* side : {&fresh_server, &fresh_client}) {
    side->send(message::type::text, as_bytes(text));
    const auto first = take_output(*side).size();
    side->send(message::type::text, as_bytes(text));
    EXPECT_EQ(take_output(*side).size(), first);
  }
}

// --- what is compressed

TEST(permessage_deflate, leaves_alone_what_it_should) {
  std::mt19937 random(3);
  connection it = one_side(side::server);
  const auto marked = [&](const std::string& text, std::optional<bool> compress) {
    it.send(message::type::binary, as_bytes(text), true, compress);
    const std::string bytes = take_output(it);
    EXPECT_TRUE(bytes[0] == '\xC2' || bytes.ends_with(text));
    return bytes[0] == '\xC2';
  };
  const std::string small(127, 'a'), enough(128, 'a'), large(100'000, 'a');
  EXPECT_FALSE(marked(small, {}));
  EXPECT_TRUE(marked(enough, {}));
  EXPECT_TRUE(marked(large, {}));
  EXPECT_TRUE(marked(small, true));
  EXPECT_FALSE(marked(enough, false));
  EXPECT_FALSE(marked(large, false));
  EXPECT_FALSE(marked("", {}));
  EXPECT_FALSE(marked("", true));
  for (const std::size_t size : {128, 1000, 100'000}) EXPECT_FALSE(marked(noise(random, size), {}));
}

TEST(permessage_deflate, marks_the_first_fragment_alone) {
  connection it = one_side(side::server);
  const std::string part(300, 'a');
  const auto first_byte_of = [&](bool last, std::optional<bool> compress = {}) {
    it.send_fragment(message::type::text, as_bytes(part), last, compress);
    return static_cast<unsigned char>(take_output(it)[0]);
  };
  EXPECT_EQ(first_byte_of(false), 0x41);
  EXPECT_EQ(first_byte_of(false), 0x00);
  EXPECT_EQ(first_byte_of(true), 0x80);
  EXPECT_EQ(first_byte_of(false, false), 0x01);
  EXPECT_EQ(first_byte_of(true, true), 0x80);
  EXPECT_EQ(first_byte_of(true), 0xC1);
}

// --- what is refused

struct failing {
  std::string name;
  std::vector<wire_frame> frames;
  unsigned code;
  std::string reason;
};

TEST(permessage_deflate, fails_what_is_wrong) {
  const std::vector<failing> table{
      {"RSV2", {{.payload = hello_bytes, .rsv = 2}}, 1002, "RSV2 is set in a text frame"},
      {"RSV1 and RSV3", {{.payload = hello_bytes, .rsv = 5}}, 1002, "RSV3 is set in a text frame"},
      {"RSV1 on a continuation",
       {{.payload = hello_bytes.substr(0, 3), .fin = false, .rsv = 4},
        {.opcode = 0, .payload = hello_bytes.substr(3), .rsv = 4}},
       1002,
       "RSV1 is set in a continuation frame"},
      {"RSV1 on a ping", {{.opcode = 9, .rsv = 4}}, 1002, "RSV1 is set in a ping frame"},
      {"RSV1 on a close", {{.opcode = 8, .rsv = 4}}, 1002, "RSV1 is set in a close frame"},
      {"RSV1 on an unknown opcode", {{.opcode = 3, .rsv = 4}}, 1002, "unknown opcode 0x3"},
      {"no compressed data",
       {{.payload = "\x07", .rsv = 4}},
       1007,
       "invalid compressed data: invalid block type"},
      {"wrong lengths",
       {{.payload = std::string("\x00\x05\x00\xfa\xfe", 5), .fin = false, .rsv = 4}},
       1007,
       "invalid compressed data: invalid stored block lengths"},
      {"too far back",
       {{.payload = std::string("\xf2\x00\x11\x00\x00", 5), .rsv = 4}},
       1007,
       "invalid compressed data: invalid distance too far back"},
      {"data that ends in a block",
       {{.payload = hello_bytes.substr(0, 5), .rsv = 4}},
       1007,
       "invalid compressed data: unexpected end of compressed data"},
      {"a tail that should have been removed",
       {{.payload = hello_bytes + std::string("\0\0\xFF\xFF", 4), .rsv = 4}},
       1007,
       "invalid compressed data: unexpected end of compressed data"},
  };
  for (const side own : {side::server, side::client}) {
    for (const auto& [name, frames, code, reason] : table) {
      test::for_every_chop(to_wire(peer_of(own), frames), [&, &name = name, &code = code,
                                                           &reason = reason](const auto& pieces) {
        connection it = one_side(own);
        const auto result = feed(it, pieces);
        ASSERT_EQ(result.events, std::vector<std::string>{"close"}) << name;
        ASSERT_EQ(result.close_sent, (close_info{static_cast<std::uint16_t>(code), reason}))
            << name;
      });
    }
  }
}

TEST(permessage_deflate, is_refused_where_it_was_not_agreed_on) {
  connection it(side::server, {}, {});
  const auto result =
      feed(it, {to_wire(side::client, wire_frame{.payload = hello_bytes, .rsv = 4})});
  EXPECT_EQ(result.close_sent, (close_info{1002, "RSV1 is set in a text frame"}));
}

// Bytes of blocks without compression: what stands in them is known by its place.
std::string stored(const std::string& text) {
  std::string bytes(1, '\0');
  for (const auto size : {text.size(), ~text.size()}) {
    bytes += static_cast<char>(size & 0xFF);
    bytes += static_cast<char>(size >> 8 & 0xFF);
  }
  return bytes + text;
}

TEST(permessage_deflate, tells_invalid_utf8_at_its_first_byte_inside_a_frame) {
  const std::string frame =
      to_wire(side::client,
              wire_frame{.payload = stored("abc\xF0\x80") + std::string(50'000, 'x'), .rsv = 4});
  connection it = one_side(side::server);
  const std::size_t header = 8;  // with a length of 16 bits
  EXPECT_TRUE(feed(it, {frame.substr(0, header + 5 + 4)}).events.empty());
  const auto result = feed(it, {frame.substr(header + 5 + 4, 1)});
  EXPECT_EQ(result.events, std::vector<std::string>{"close"});
  EXPECT_EQ(result.close_sent, (close_info{1007, "invalid UTF-8 at position 4"}));
}

TEST(permessage_deflate, has_an_incomplete_character_fail_at_the_end) {
  connection it = one_side(side::client);
  const auto result =
      feed(it, {to_wire(side::server,
                        wire_frame{.payload = stored("ab\xC3") + std::string(1, '\0'), .rsv = 4})});
  EXPECT_EQ(result.close_sent, (close_info{1007, "incomplete UTF-8 at position 3"}));
}

// --- limits

std::string compressed_by(const std::string& text) {
  auto [server, client] = test::agree();
  client.send(message::type::binary, as_bytes(text), false, true);
  return take_output(client);
}

TEST(permessage_deflate, has_an_exact_limit) {
  std::mt19937 random(4);
  for (const std::size_t limit : {1000, 65'536, 1'000'000}) {
    for (const bool random_bytes : {false, true}) {
      const std::string text = random_bytes ? json(random, limit + 1) : std::string(limit + 1, 'a');
      for (const std::size_t piece : {std::size_t{1} << 20, std::size_t{100}}) {
        connection good = one_side(side::server, {}, {.max_size = limit});
        const auto taken = feed(good, test::chopped(compressed_by(text.substr(0, limit)), piece));
        EXPECT_EQ(taken.events, std::vector<std::string>{"binary " + text.substr(0, limit)});
        connection bad = one_side(side::server, {}, {.max_size = limit});
        const auto refused = feed(bad, test::chopped(compressed_by(text), piece));
        EXPECT_EQ(
            refused.close_sent,
            (close_info{1009, "message of at least " + std::to_string(limit + 1) +
                                  " bytes exceeds limit of " + std::to_string(limit) + " bytes"}));
      }
    }
  }
}

TEST(permessage_deflate, takes_a_message_whose_compressed_form_is_longer_than_the_limit) {
  std::mt19937 random(5);
  const std::string text = noise(random, 1000);
  std::string bytes;
  for (const char each : text) bytes += stored({each});
  connection it = one_side(side::server, {}, {.max_size = 1000});
  const auto result = feed(
      it, {to_wire(side::client,
                   wire_frame{.opcode = 2, .payload = bytes + std::string(1, '\0'), .rsv = 4})});
  EXPECT_EQ(result.events, std::vector<std::string>{"binary " + text});
}

TEST(permessage_deflate, bounds_how_much_a_message_grows) {
  const deflate_options options{.max_ratio = 100};
  const std::string bomb = compressed_by(std::string(900'000, 'a'));
  connection it = one_side(side::server, options);
  const auto result = feed(it, {bomb});
  ASSERT_TRUE(result.close_sent);
  EXPECT_EQ(result.close_sent->code, 1009);
  EXPECT_NE(result.close_sent->reason.find("exceeds limit of 100 times"), std::string::npos);
  std::mt19937 random(6);
  connection good = one_side(side::server, options);
  EXPECT_EQ(feed(good, {compressed_by(json(random, 900'000))}).events.size(), 1u);
  EXPECT_EQ(feed(good, {compressed_by(std::string(60'000, 'a'))}).events.size(), 1u);
}

TEST(permessage_deflate, has_an_exact_limit_of_growth) {
  std::mt19937 random(8);
  const std::string zeros(40'000, '\0'), frame = compressed_by(zeros);
  const std::string compressed = frame.substr(frame.size() - 6 <= 125 ? 6 : 8);
  // A block without compression before it, so long that it all is twice what comes of it.
  const std::size_t size = zeros.size() - 2 * (compressed.size() + stored("").size());
  for (const std::size_t over : {0, 1}) {
    const std::string text = noise(random, size - over);
    connection it = one_side(side::server, {.max_ratio = 2});
    const auto result = feed(
        it, {to_wire(side::client,
                     wire_frame{.opcode = 2, .payload = stored(text) + compressed, .rsv = 4})});
    EXPECT_EQ(result.events, std::vector<std::string>{over ? "close" : "binary " + text + zeros});
  }
}

// --- memory; a sanitizer has its own

#if !DUPLEX_TEST_SANITIZED

std::size_t allocated() {
  const auto info = mallinfo2();
  return info.uordblks + info.hblkhd;
}

TEST(permessage_deflate, inflates_a_bomb_in_bounded_memory) {
  constexpr std::size_t max_size = 4 << 20;
  const std::string bomb = compressed_by(std::string(std::size_t{256} << 20, '\0'));
  EXPECT_LT(bomb.size(), 2'000'000u);
  connection it = one_side(side::server, {}, {.max_size = max_size});
  const std::size_t before = allocated();
  std::size_t most = 0;
  for (const std::string& piece : test::chopped(bomb, 100)) {
    it.receive_data(as_bytes(piece), {});
    while (it.next_event()) continue;
    most = std::max(most, allocated() - before);
  }
  ASSERT_TRUE(it.close_sent());
  EXPECT_EQ(it.close_sent()->code, 1009);
  EXPECT_GT(most, max_size / 2);
  EXPECT_LT(most, 2 * max_size + 200'000);
}

TEST(permessage_deflate, costs_a_connection_little_memory) {
  constexpr std::size_t count = 20;
  std::mt19937 random(7);
  std::vector<std::unique_ptr<connection>> connections;
  connections.reserve(count);
  const auto each = [&](auto make) {
    const std::size_t before = allocated();
    make();
    return (allocated() - before) / count;
  };
  const auto talk_with = [&](connection& server, std::size_t size) {
    connection client = one_side(side::client);
    for (int i = 0; i < 40; ++i) {
      client.send(message::type::text, as_bytes(json(random, size)));
      feed(server, {take_output(client)});
      server.send(message::type::text, as_bytes(json(random, size)));
      take_output(server);
    }
  };
  {  // what all connections of a thread share is there before anything is measured
    connection first = one_side(side::server);
    for (const std::size_t size : {2'000, 100'000}) talk_with(first, size);
  }
  const std::size_t plain = each([&] {
    for (std::size_t i = 0; i < count; ++i)
      connections.push_back(
          std::make_unique<connection>(side::server, connection_settings{}, time_point{}));
  });
  connections.clear();
  const std::size_t idle = each([&] {
    for (std::size_t i = 0; i < count; ++i)
      connections.push_back(std::make_unique<connection>(one_side(side::server)));
  });
  EXPECT_LT(idle, plain + 1024);
  const auto talk = [&](std::size_t size) {
    for (auto& it : connections) talk_with(*it, size);
  };
  const std::size_t busy = each([&] { talk(2000); });
  const std::size_t busiest = busy + each([&] { talk(100'000); });
  RecordProperty("idle", std::to_string(idle));
  RecordProperty("busy", std::to_string(busy));
  RecordProperty("busiest", std::to_string(busiest));
  EXPECT_LT(busy, 64u * 1024);
  EXPECT_LT(busiest, 64u * 1024);
}

#endif

}  // namespace
}  // namespace duplex::protocol
