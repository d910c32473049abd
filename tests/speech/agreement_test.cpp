#include "speech/recognizers/agreement.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string_view>

#include "speech/recognizer.hpp"

namespace duplex::speech {
namespace {

constexpr std::size_t second = sample_rate;
constexpr std::size_t all = 100 * second;

using tokens = std::vector<std::int64_t>;

// Tokens below 100 begin words.
bool begins_word(std::int64_t token) { return token < 100; }

TEST(agreement, nothing_is_stable_after_one_reading) {
  agreement it;
  it.add({1, 2, 3, 4, 5}, second, all, begins_word);
  EXPECT_EQ(it.stable(), 0U);
  EXPECT_TRUE(std::ranges::equal(it.latest(), tokens{1, 2, 3, 4, 5}));
}

TEST(agreement, what_two_readings_begin_with_is_stable_but_for_its_last_words) {
  agreement it;
  it.add({1, 2, 3, 4, 5}, 2 * second, all, begins_word);
  it.add({1, 2, 3, 4, 6, 7}, 4 * second, all, begins_word);
  EXPECT_EQ(it.stable(), 2U);
  it.add({1, 2, 3, 4, 6, 7}, 6 * second, all, begins_word);
  EXPECT_EQ(it.stable(), 4U);
}

TEST(agreement, words_are_stable_whole) {
  agreement it;
  it.add({1, 101, 102, 2, 103, 3, 104}, 2 * second, all, begins_word);
  it.add({1, 101, 102, 2, 103, 3, 105}, 4 * second, all, begins_word);
  EXPECT_EQ(it.stable(), 3U);
}

TEST(agreement, readings_of_almost_the_same_sound_do_not_agree) {
  agreement it;
  it.add({1, 2, 3, 4}, 2 * second, all, begins_word);
  it.add({1, 2, 3, 4}, 3 * second, all, begins_word);
  EXPECT_EQ(it.stable(), 0U);
  it.add({1, 2, 3, 4}, 4 * second, all, begins_word);
  EXPECT_EQ(it.stable(), 2U);
}

TEST(agreement, what_may_be_cut_off_is_not_stable) {
  agreement it;
  it.add({1, 2, 3, 4}, 2 * second, 3 * second, begins_word);
  it.add({1, 2, 3, 4, 5, 6}, 4 * second, 3 * second, begins_word);
  EXPECT_EQ(it.stable(), 2U);  // heard in the first two seconds
  it.add({1, 2, 3, 4, 5, 6}, 6 * second, 3 * second, begins_word);
  EXPECT_EQ(it.stable(), 2U);
}

TEST(agreement, whatever_is_read_nothing_stable_changes) {
  std::mt19937 random(5);
  for (int round = 0; round < 50; ++round) {
    agreement it;
    tokens stable;
    for (std::size_t heard = 0; heard < 30 * second; heard += 1 + random() % second) {
      tokens read = stable;
      while (random() % 12 != 0) read.push_back(static_cast<std::int64_t>(random() % 2 * 100 + 1));
      it.add(read, heard, all, begins_word);
      ASSERT_GE(it.stable(), stable.size());
      ASSERT_LE(it.stable(), it.latest().size());
      ASSERT_TRUE(std::ranges::equal(it.latest().first(stable.size()), stable));
      ASSERT_TRUE(it.stable() == it.latest().size() || it.stable() == stable.size() ||
                  begins_word(it.latest()[it.stable()]));
      stable.assign(it.latest().begin(),
                    it.latest().begin() + static_cast<std::ptrdiff_t>(it.stable()));
    }
  }
}

// Without spaces, each character is a word; of a character in parts, its first part.
TEST(agreement, a_space_or_a_character_of_an_unspaced_script_begins_a_word) {
  for (const std::string_view piece : {" a", " ", "\u4f60", "\u3042", "\u3002", "\uff0c", "\uff21",
                                       "\U00020000", "\xE4", "\xE9\xBF"}) {
    EXPECT_TRUE(speech::begins_word(piece)) << piece;
  }
  for (const std::string_view piece :
       {"", "a", "s ", "\u00e9", "\ud55c", "\u0e01", "\U0001f600", "\xBD", "\xA0", "\uFFFD"}) {
    EXPECT_FALSE(speech::begins_word(piece)) << piece;
  }
}

TEST(agreement, text_without_spaces_is_stable_by_character) {
  const std::vector<std::string> pieces{"\u4eca", "\u5929", "\u5f88", "\u9ad8",
                                        "\xE5",   "\x85",   "\xB4"};
  const auto begins = [&](std::int64_t token) {
    return speech::begins_word(pieces[static_cast<std::size_t>(token)]);
  };
  agreement it;
  it.add({0, 1, 2, 4, 5, 6}, 2 * second, all, begins);
  it.add({0, 1, 2, 4, 5, 6, 3}, 4 * second, all, begins);
  EXPECT_EQ(it.stable(), 2U);  // all but the last two characters of the first reading
}

}  // namespace
}  // namespace duplex::speech
