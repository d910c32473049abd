#include <duplex/protocol/frame.hpp>

#include <gtest/gtest.h>

#include <array>
#include <string>

#include "support/protocol.hpp"

namespace duplex::protocol {
namespace {

using test::to_wire;
using test::wire_frame;

frame_header_result parsed(const std::string& bytes, side from) {
  // memory of its own, so that reading beyond it is seen
  const std::vector<char> own(bytes.begin(), bytes.end());
  return parse_frame_header(as_bytes({own.data(), own.size()}), from);
}

TEST(frame_header, parses_what_it_writes) {
  for (const std::uint64_t length :
       {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{125}, std::uint64_t{126},
        std::uint64_t{127}, std::uint64_t{65535}, std::uint64_t{65536}, std::uint64_t{1} << 32,
        (std::uint64_t{1} << 63) - 1}) {
    for (const opcode code : {opcode::continuation, opcode::text, opcode::binary}) {
      for (const bool fin : {true, false}) {
        for (const side from : {side::client, side::server}) {
          frame_header header{.opcode = code, .fin = fin, .length = length};
          if (from == side::client) header.mask = mask_key{std::byte{1}, std::byte{2}};
          std::array<std::byte, frame_header_size_max> bytes{};
          const auto size =
              static_cast<std::size_t>(write_frame_header(bytes.data(), header) - bytes.data());
          EXPECT_EQ(size, frame_header_size(header));
          for (std::size_t prefix = 0; prefix < size; ++prefix) {
            const auto result = parse_frame_header(std::span(bytes).first(prefix), from);
            EXPECT_EQ(result.size, 0U);
            EXPECT_EQ(result.problem, "");
          }
          const auto result = parse_frame_header(bytes, from);
          EXPECT_EQ(result.problem, "");
          EXPECT_EQ(result.size, size);
          EXPECT_EQ(result.header, header);
        }
      }
    }
  }
}

TEST(frame_header, is_written_as_section_5_7_shows) {
  std::array<std::byte, frame_header_size_max> bytes{};
  auto* end = write_frame_header(bytes.data(), {.opcode = opcode::text, .length = 5});
  EXPECT_EQ(as_text({bytes.data(), end}), "\x81\x05");
  end = write_frame_header(bytes.data(), {.opcode = opcode::text, .fin = false, .length = 3});
  EXPECT_EQ(as_text({bytes.data(), end}), "\x01\x03");
  end = write_frame_header(bytes.data(), {.opcode = opcode::binary, .length = 256});
  EXPECT_EQ(as_text({bytes.data(), end}), std::string("\x82\x7E\x01\x00", 4));
  end = write_frame_header(bytes.data(), {.opcode = opcode::binary, .length = 65536});
  EXPECT_EQ(as_text({bytes.data(), end}), std::string("\x82\x7F\0\0\0\0\0\x01\0\0", 10));
}

struct bad_header {
  wire_frame frame;
  std::string problem;
};

TEST(frame_header, of_a_wrong_kind_is_refused) {
  std::vector<bad_header> table{
      {{.opcode = 0x1, .rsv = 4}, "RSV1 is set in a text frame"},
      {{.opcode = 0x2, .rsv = 2}, "RSV2 is set in a binary frame"},
      {{.opcode = 0x0, .rsv = 3}, "RSV2 is set in a continuation frame"},
      {{.opcode = 0x9, .rsv = 1}, "RSV3 is set in a ping frame"},
      {{.opcode = 0x8, .fin = false}, "close frame is fragmented"},
      {{.opcode = 0x9, .fin = false}, "ping frame is fragmented"},
      {{.opcode = 0xA, .fin = false}, "pong frame is fragmented"},
      {{.opcode = 0x9, .payload = std::string(126, 'x')}, "ping frame is longer than 125 bytes"},
      {{.opcode = 0x8, .payload = std::string(70000, 'x')}, "close frame is longer than 125 bytes"},
      {{.payload = "hello", .length_size = 2}, "length 5 of a text frame is written in 2 bytes"},
      {{.payload = std::string(125, 'x'), .length_size = 2},
       "length 125 of a text frame is written in 2 bytes"},
      {{.payload = "hello", .length_size = 8}, "length 5 of a text frame is written in 8 bytes"},
      {{.payload = std::string(65535, 'x'), .length_size = 8},
       "length 65535 of a text frame is written in 8 bytes"},
      {{.length_size = 8, .stated_length = std::uint64_t{1} << 63},
       "the highest bit of the length of a text frame is set"},
      {{.length_size = 8, .stated_length = ~std::uint64_t{0}},
       "the highest bit of the length of a text frame is set"},
  };
  for (unsigned code : {3U, 4U, 5U, 6U, 7U, 0xBU, 0xCU, 0xDU, 0xEU, 0xFU}) {
    table.push_back(
        {{.opcode = code}, std::string("unknown opcode 0x") + "0123456789ABCDEF"[code]});
  }
  for (const auto& [frame, problem] : table) {
    for (const side from : {side::client, side::server}) {
      const auto result = parsed(to_wire(from, frame), from);
      EXPECT_EQ(result.problem, problem);
      EXPECT_EQ(result.size, 0U);
    }
  }
}

TEST(frame_header, must_be_masked_by_clients_only) {
  EXPECT_EQ(parsed(to_wire(side::client, wire_frame{.masked = false}), side::client).problem,
            "text frame from a client is not masked");
  EXPECT_EQ(parsed(to_wire(side::server, wire_frame{.masked = true}), side::server).problem,
            "text frame from a server is masked");
}

TEST(frame_header, that_is_wrong_is_told_by_its_first_two_bytes) {
  EXPECT_NE(parsed("\xC1\xFE", side::client).problem, "");
  EXPECT_NE(parsed("\x83\xFE", side::client).problem, "");
  EXPECT_NE(parsed("\x89\xFE", side::client).problem, "");
}

}  // namespace
}  // namespace duplex::protocol
