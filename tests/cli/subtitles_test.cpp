#include "transcribe/subtitles.hpp"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "transcribe/width.hpp"

namespace duplex::cli::transcribe {
namespace {

speech::final_transcript said(const std::string& text, std::int64_t start_ms = 0,
                              std::int64_t end_ms = 1000) {
  return {.segment = 0, .text = text, .start_ms = start_ms, .end_ms = end_ms};
}

std::vector<subtitle> subtitles_of(const speech::final_transcript& segment) {
  return transcribe::subtitles_of(std::span(&segment, 1));
}

using lines = std::vector<std::string>;

TEST(subtitles, short_segment_is_one_line) {
  EXPECT_EQ(subtitles_of(said("Hello world.", 120, 980)),
            (std::vector<subtitle>{{120, 980, {"Hello world."}}}));
}

TEST(subtitles, nothing_is_no_subtitles) {
  EXPECT_TRUE(transcribe::subtitles_of(std::vector<speech::final_transcript>{}).empty());
  EXPECT_TRUE(subtitles_of(said("")).empty());
}

TEST(subtitles, line_of_just_the_width_is_not_broken) {
  const std::string full = std::string(20, 'a') + " " + std::string(21, 'b');
  EXPECT_EQ(subtitles_of(said(full)).at(0).lines, lines{full});
  EXPECT_EQ(subtitles_of(said(full + "b")).at(0).lines,
            (lines{std::string(20, 'a'), std::string(22, 'b')}));
}

TEST(subtitles, lines_are_of_about_one_length_and_break_after_clauses) {
  EXPECT_EQ(
      subtitles_of(said("The quick brown fox jumps over the lazy dog and sleeps")).at(0).lines,
      (lines{"The quick brown fox jumps", "over the lazy dog and sleeps"}));
  EXPECT_EQ(
      subtitles_of(said("When the rain stops, the quick brown fox jumps over it")).at(0).lines,
      (lines{"When the rain stops,", "the quick brown fox jumps over it"}));
}

TEST(subtitles, long_segment_is_cut_where_sentences_end) {
  const auto found = subtitles_of(
      said("This is a first sentence of some length, which says little. This is a second one. "
           "And here is a third, that goes on until there is no room left for it.",
           1000, 11'000));
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0].lines, (lines{"This is a first sentence of some length,",
                                   "which says little. This is a second one."}));
  EXPECT_EQ(found[0].start_ms, 1000);
  EXPECT_EQ(found[0].end_ms, found[1].start_ms);
  EXPECT_NEAR(static_cast<double>(found[0].end_ms), 6400, 200);
  EXPECT_EQ(found[1].end_ms, 11'000);
}

TEST(subtitles, chinese_breaks_between_letters_but_not_before_full_stops) {
  std::string text;
  for (int i = 0; i < 21; ++i) text += "中";
  EXPECT_EQ(subtitles_of(said(text)).at(0).lines, lines{text});
  const auto with_stop = subtitles_of(said(text + "。" + text + "！")).at(0).lines;
  ASSERT_EQ(with_stop.size(), 2U);
  EXPECT_FALSE(with_stop[1].starts_with("。"));
  for (const auto& line : with_stop) EXPECT_LE(columns_of(line), line_width + 2);
}

TEST(subtitles, word_longer_than_a_line_has_one_for_itself) {
  const std::string word(60, 'x');
  EXPECT_EQ(subtitles_of(said("a " + word + " b")).at(0).lines, (lines{"a", word}));
}

TEST(subtitles, segments_that_overlap_are_put_after_each_other) {
  const std::vector<speech::final_transcript> segments{
      said("one", 0, 2000), said("two", 1500, 1800), said("three", 1900, 3000)};
  const auto found = transcribe::subtitles_of(segments);
  EXPECT_EQ(found, (std::vector<subtitle>{
                       {0, 2000, {"one"}}, {2000, 2100, {"two"}}, {2100, 3000, {"three"}}}));
}

TEST(subtitles, each_is_shown_for_a_moment_at_least) {
  EXPECT_EQ(subtitles_of(said("Hm.", 500, 500)),
            (std::vector<subtitle>{{500, 500 + shown_min_ms, {"Hm."}}}));
}

TEST(subtitles, any_text_is_kept_in_its_order_in_room_and_time) {
  std::mt19937 chance(11);
  const std::vector<std::string> pieces{"a",    "word",   "sentence.", "clause,",
                                        "中文", "你好。", "é",         "extraordinarily",
                                        "I'm",  "?",      "🙂"};
  for (int run = 0; run < 300; ++run) {
    std::vector<speech::final_transcript> segments;
    std::string all;
    std::int64_t now = 0;
    for (auto count = chance() % 5; count > 0; --count) {
      std::string text;
      for (auto words = chance() % 90; words > 0; --words) {
        text += (text.empty() || chance() % 4 == 0 ? "" : " ") + pieces[chance() % pieces.size()];
      }
      const std::int64_t start = now + chance() % 3000;
      now = start + chance() % 20'000;
      segments.push_back(said(text, start, now));
      all += text;
    }
    std::string shown;
    std::int64_t time = 0;
    for (const auto& [start, end, text] : transcribe::subtitles_of(segments)) {
      ASSERT_LE(time, start);
      ASSERT_LE(start + shown_min_ms, end);
      time = end;
      ASSERT_GE(text.size(), 1U);
      ASSERT_LE(text.size(), lines_max);
      for (const auto& line : text) {
        ASSERT_FALSE(line.empty());
        ASSERT_TRUE(columns_of(line) <= line_width || line.find(' ') == std::string::npos) << line;
        shown += line;
      }
    }
    std::erase(all, ' ');
    std::erase(shown, ' ');
    ASSERT_EQ(shown, all);
  }
}

TEST(width, letters_count_as_a_terminal_shows_them) {
  EXPECT_EQ(columns_of(""), 0U);
  EXPECT_EQ(columns_of("abc é ß"), 7U);
  EXPECT_EQ(columns_of("中文。"), 6U);
  EXPECT_EQ(columns_of("e\u0301"), 1U);
  EXPECT_EQ(columns_of("한국어"), 6U);
  EXPECT_EQ(columns_of("🙂"), 2U);
}

TEST(width, end_of_a_text_is_cut_between_letters) {
  EXPECT_EQ(last_columns("hello", 3), "llo");
  EXPECT_EQ(last_columns("hello", 9), "hello");
  EXPECT_EQ(last_columns("中文字", 3), "字");
  EXPECT_EQ(last_columns("abe\u0301", 2), "be\u0301");
}

}  // namespace
}  // namespace duplex::cli::transcribe
