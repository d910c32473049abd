#include "speech/join.hpp"

#include <gtest/gtest.h>

#include <initializer_list>

namespace duplex::speech {
namespace {

std::string joined(std::initializer_list<std::string_view> segments) {
  std::string text;
  for (const std::string_view each : segments) append_segment(text, each);
  return text;
}

TEST(joined_segments, words_have_a_space_between) {
  EXPECT_EQ(joined({"One.", "Two,", "three"}), "One. Two, three");
  EXPECT_EQ(joined({"caf\u00e9", "\u00e9t\u00e9"}), "caf\u00e9 \u00e9t\u00e9");
  EXPECT_EQ(joined({"\u043e\u0434\u0438\u043d", "\u0434\u0432\u0430"}),
            "\u043e\u0434\u0438\u043d \u0434\u0432\u0430");
  EXPECT_EQ(joined({"\uc548\ub155", "\ud558\uc138\uc694"}), "\uc548\ub155 \ud558\uc138\uc694");
}

TEST(joined_segments, chinese_and_japanese_have_none) {
  EXPECT_EQ(joined({"\u4f60\u597d", "\u4e16\u754c"}), "\u4f60\u597d\u4e16\u754c");
  EXPECT_EQ(joined({"\u4f60\u597d\uff0c", "\u4e16\u754c\u3002", "\u518d\u89c1"}),
            "\u4f60\u597d\uff0c\u4e16\u754c\u3002\u518d\u89c1");
  EXPECT_EQ(joined({"\u3053\u3093", "\u30ab\u30ca", "\uff76"}), "\u3053\u3093\u30ab\u30ca\uff76");
  EXPECT_EQ(joined({"\U00020000", "\U0003134f"}), "\U00020000\U0003134f");
}

TEST(joined_segments, one_neighbour_that_has_none_is_enough) {
  EXPECT_EQ(joined({"\u7528", "Python", "3", "\u5199"}), "\u7528Python 3\u5199");
}

TEST(joined_segments, empty_ones_add_nothing) {
  EXPECT_EQ(joined({"", "one", "", "", "two", ""}), "one two");
  EXPECT_EQ(joined({}), "");
}

TEST(joined_segments, what_is_no_utf_8_is_harmless) {
  EXPECT_EQ(joined({"\xe4\xbd", "\x80\x80", "\xf0"}), "\xe4\xbd\x80\x80\xf0");
}

}  // namespace
}  // namespace duplex::speech
