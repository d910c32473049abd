#include "word_error_rate.hpp"

#include <gtest/gtest.h>

namespace duplex::speech {
namespace {

using words = std::vector<std::string>;

TEST(words_of, text_is_plain_words) {
  EXPECT_EQ(words_of("Don't  STOP -- well-known, Mr. X!"),
            (words{"dont", "stop", "well", "known", "mister", "x"}));
  EXPECT_EQ(words_of(""), words{});
}

TEST(words_of, a_chinese_character_is_a_word) {
  EXPECT_EQ(words_of("\u4f60\u597d\uff0cWorld\u3002"),
            (std::vector<std::string>{"\u4f60", "\u597d", "world"}));
}

TEST(words_of, numbers_are_spelled_out) {
  EXPECT_EQ(words_of("0 7 13 20 42"),
            (words{"zero", "seven", "thirteen", "twenty", "forty", "two"}));
  EXPECT_EQ(words_of("1,905"), (words{"one", "thousand", "nine", "hundred", "five"}));
  EXPECT_EQ(words_of("300000"), (words{"three", "hundred", "thousand"}));
  EXPECT_EQ(words_of("12345678"), (words{"12345678"}));
}

TEST(word_errors, edits_are_counted) {
  const auto errors = [](const char* reference, const char* given) {
    return compare(reference, given).errors;
  };
  EXPECT_EQ(errors("a b c", "A, b. c"), 0U);
  EXPECT_EQ(errors("a b c", "a x c"), 1U);
  EXPECT_EQ(errors("a b c", "a c"), 1U);
  EXPECT_EQ(errors("a b c", "a b b c"), 1U);
  EXPECT_EQ(errors("a b c", ""), 3U);
  EXPECT_EQ(errors("", "a b"), 2U);
  EXPECT_EQ(errors("the cat sat on the mat", "cat sat in on a mat"), 3U);
}

TEST(word_errors, rate_is_errors_of_the_reference_s_words) {
  EXPECT_DOUBLE_EQ(compare("a b c d", "a b c").rate(), 0.25);
  EXPECT_DOUBLE_EQ(word_errors{}.rate(), 0);
}

}  // namespace
}  // namespace duplex::speech
