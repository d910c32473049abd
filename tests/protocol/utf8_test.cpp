#include <duplex/protocol/utf8.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include <duplex/buffer.hpp>

namespace duplex::protocol {
namespace {

// What a text is: where its first bad byte stands, and whether it may end where it does.
struct verdict {
  std::optional<std::size_t> bad_at = {};
  bool complete = true;

  bool operator==(const verdict&) const = default;
};

std::ostream& operator<<(std::ostream& out, const verdict& value) {
  return value.bad_at ? out << "bad at " << *value.bad_at : out << "complete " << value.complete;
}

bool is_scalar_value(unsigned long value) {
  return value <= 0x10FFFF && !(value >= 0xD800 && value <= 0xDFFF);
}

// Whether some bytes could follow that make these the start of a character: tried out, by the
// definition of the encoding.
bool can_be_continued(std::string_view start, unsigned length) {
  const unsigned long mask = length == 2 ? 0x1F : length == 3 ? 0x0F : 0x07;
  unsigned long lowest = static_cast<unsigned char>(start[0]) & mask;
  for (std::size_t i = 1; i < start.size(); ++i) {
    if ((static_cast<unsigned char>(start[i]) & 0xC0) != 0x80) return false;
    lowest = lowest << 6 | (static_cast<unsigned char>(start[i]) & 0x3F);
  }
  const unsigned open_bits = 6 * (length - static_cast<unsigned>(start.size()));
  lowest <<= open_bits;
  const unsigned long highest = lowest | ((1UL << open_bits) - 1);
  const unsigned long least = length == 2 ? 0x80 : length == 3 ? 0x800 : 0x10000;
  for (unsigned long value = std::max(lowest, least); value <= highest; ++value) {
    if (value > 0x10FFFF) return false;
    if (is_scalar_value(value)) return true;
  }
  return false;
}

verdict judged_by_the_obvious_decoder(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    const auto first = static_cast<unsigned char>(text[at]);
    const unsigned length = first < 0x80                    ? 1
                            : first >= 0xC0 && first < 0xE0 ? 2
                            : first >= 0xE0 && first < 0xF0 ? 3
                            : first >= 0xF0 && first < 0xF8 ? 4
                                                            : 0;
    if (length == 0) return {at, false};
    for (std::size_t taken = 1; length > 1 && taken <= length; ++taken) {
      if (at + taken > text.size()) return {{}, false};
      if (!can_be_continued(text.substr(at, taken), length)) return {at + taken - 1, false};
    }
    at += length;
  }
  return {};
}

verdict judged_in_pieces(const std::vector<std::string_view>& pieces) {
  utf8_validator validator;
  for (const auto piece : pieces) {
    // memory of its own, so that reading beyond it is seen
    const std::vector<char> own(piece.begin(), piece.end());
    if (!validator.receive(as_bytes({own.data(), own.size()}))) {
      return {static_cast<std::size_t>(validator.position()), false};
    }
  }
  return {{}, validator.complete()};
}

void expect_right_at_every_split(std::string_view text) {
  const verdict expected = judged_by_the_obvious_decoder(text);
  for (std::size_t cut = 0; cut <= text.size(); ++cut) {
    ASSERT_EQ(judged_in_pieces({text.substr(0, cut), text.substr(cut)}), expected)
        << testing::PrintToString(text) << " cut at " << cut;
  }
  std::vector<std::string_view> single;
  for (std::size_t at = 0; at < text.size(); ++at) single.push_back(text.substr(at, 1));
  ASSERT_EQ(judged_in_pieces(single), expected) << testing::PrintToString(text);
}

TEST(utf8, two_bytes_of_every_value_are_judged_as_by_the_obvious_decoder) {
  for (int first = 0; first < 256; ++first) {
    for (int second = 0; second < 256; ++second) {
      const std::string text{static_cast<char>(first), static_cast<char>(second)};
      expect_right_at_every_split(text);
    }
  }
}

TEST(utf8, lead_and_edge_bytes_of_long_characters_are_judged_as_by_the_obvious_decoder) {
  const std::vector<int> edges{0x00, 0x41, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0,
                               0xBF, 0xC0, 0xC2, 0xE0, 0xED, 0xF0, 0xF4, 0xFF};
  for (const int first : {0xC1, 0xC2, 0xDF, 0xE0, 0xE1, 0xEC, 0xED, 0xEE, 0xEF, 0xF0, 0xF1, 0xF3,
                          0xF4, 0xF5, 0xF8, 0xFF}) {
    for (const int second : edges) {
      for (const int third : edges) {
        for (const int fourth : edges) {
          const std::string text{static_cast<char>(first), static_cast<char>(second),
                                 static_cast<char>(third), static_cast<char>(fourth)};
          ASSERT_EQ(judged_in_pieces({text}), judged_by_the_obvious_decoder(text))
              << testing::PrintToString(text);
        }
      }
    }
  }
}

TEST(utf8, long_texts_with_one_byte_changed_are_judged_as_by_the_obvious_decoder) {
  std::mt19937 random(7);
  const std::vector<std::string> characters{
      "a", "\x7F", "é", "ß", "€", "\xEF\xBF\xBD", "😀", "\xF4\x8F\xBF\xBF", "\xED\x9F\xBF"};
  for (int round = 0; round < 300; ++round) {
    std::string text;
    const std::size_t size = random() % 150;
    while (text.size() < size) text += characters[random() % characters.size()];
    expect_right_at_every_split(text);
    if (text.empty()) continue;
    text[random() % text.size()] = static_cast<char>(random());
    expect_right_at_every_split(text);
    text.resize(random() % text.size());
    expect_right_at_every_split(text);
  }
}

TEST(utf8, a_bad_byte_is_told_before_the_character_is_over) {
  // The examples of conformance suites: overlong, surrogate, beyond U+10FFFF, never a lead byte.
  for (const std::string text :
       {"\xC0", "\xE0\x80", "\xED\xA0", "\xF0\x80", "\xF4\x90", "\xF5", "\xFE", "\x80"}) {
    EXPECT_EQ(judged_in_pieces({text}), (verdict{text.size() - 1, false}))
        << testing::PrintToString(text);
  }
}

TEST(utf8, position_counts_from_the_start_of_the_text) {
  const std::string good(1000, 'x');
  EXPECT_EQ(judged_in_pieces({good, good, "ab\xFFz"}), (verdict{2002, false}));
}

TEST(utf8, whole_texts_are_judged_at_once) {
  EXPECT_TRUE(is_utf8(as_bytes("")));
  EXPECT_TRUE(is_utf8(as_bytes("κόσμε")));
  EXPECT_FALSE(is_utf8(as_bytes("κ\xCE")));
  EXPECT_FALSE(is_utf8(as_bytes("\xFF")));
}

}  // namespace
}  // namespace duplex::protocol
