#include "speech/utf8.hpp"

#include <gtest/gtest.h>

namespace duplex::speech {
namespace {

TEST(utf8, the_last_word_follows_a_space_or_is_a_character) {
  const auto before = [](std::string_view text) {
    return std::string(text.substr(0, last_word(text)));
  };
  EXPECT_EQ(before(""), "");
  EXPECT_EQ(before("one"), "");
  EXPECT_EQ(before("one two"), "one ");
  EXPECT_EQ(before("one "), "one ");
  EXPECT_EQ(before("\u4f60"), "");
  EXPECT_EQ(before("\u4f60\u597d"), "\u4f60");
  EXPECT_EQ(before("one \u4f60"), "one ");
  EXPECT_EQ(before("one\u4f60"), "one");
  EXPECT_EQ(before("\u4f60\u597dGB18030"), "\u4f60\u597d");
  EXPECT_EQ(before("\u4f60\u597d\uff0c"), "\u4f60\u597d");
  EXPECT_EQ(before("\u00e9t\u00e9"), "");
  EXPECT_EQ(before("\xBD\xBD"), "");  // no valid text: no more than its length is looked at
}

TEST(utf8, chinese_and_japanese_are_written_without_spaces) {
  for (const char* text : {"\u2e80", "\u3000", "\u3042", "\u4f60", "\u9fff", "\uf900", "\uff0c",
                           "\U0001b000", "\U00020000", "\xe4", "\xe4\xbd"}) {
    EXPECT_TRUE(begins_unspaced(text)) << text;
  }
  for (const char* text : {"", "a", "\u00e9", "\u20ac", "\uc548", "\ufb01", "\ufe0f", "\ufffd",
                           "\U0001f600", "\x80", "\xe2", "\xef", "\xf0"}) {
    EXPECT_FALSE(begins_unspaced(text)) << text;
  }
}

}  // namespace
}  // namespace duplex::speech
