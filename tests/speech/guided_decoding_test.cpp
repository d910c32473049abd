// A guess makes decoding cheaper, and changes nothing but what is forced.
#include "speech/recognizers/guided_decoding.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "speech/error.hpp"

namespace duplex::speech {
namespace {

using tokens = std::vector<std::int64_t>;

constexpr decoding_rules rules{.start = 1, .end = 2, .longest = 30};
constexpr std::int64_t second_best = 400;  // where the best is the end

// Hears one text, and something else after whatever is not a beginning of it.
class one_text : public token_decoder {
 public:
  explicit one_text(tokens text) : text_(std::move(text)) {}

  void take(std::size_t kept, std::span<const std::int64_t> more) override {
    ASSERT_LE(kept, given_.size());
    given_.resize(kept);
    before_ = kept;
    given_.insert(given_.end(), more.begin(), more.end());
    ++steps_;
  }

  std::int64_t likeliest_after(std::size_t index, std::optional<std::int64_t> but) const override {
    const std::size_t count = before_ + index;  // after the start
    EXPECT_LT(count, given_.size());
    EXPECT_EQ(given_.front(), rules.start);
    if (count > text_.size() || !std::equal(text_.begin(), text_.begin() + count, &given_[1])) {
      return 500 + static_cast<std::int64_t>(count) % 7;
    }
    if (count < text_.size()) return text_[count];
    return but == rules.end ? second_best : rules.end;
  }

  int steps() const { return steps_; }

 private:
  tokens text_;
  tokens given_;
  std::size_t before_ = 0;
  int steps_ = 0;
};

struct decoded {
  tokens text;
  int steps;
};

decoded decode(const tokens& text, const tokens& guess, std::size_t forced = 0) {
  one_text decoder(text);
  auto result = decode_guided(decoder, rules, guess, forced, {});
  return {std::move(result), decoder.steps()};
}

const tokens said{11, 12, 13, 14, 15, 16, 17, 18, 19, 20};

TEST(guided_decoding, without_a_guess_each_token_is_a_step) {
  const auto it = decode(said, {});
  EXPECT_EQ(it.text, said);
  EXPECT_EQ(it.steps, 11);  // the last finds the end
}

TEST(guided_decoding, a_guess_that_is_right_is_one_step) {
  const auto it = decode(said, said);
  EXPECT_EQ(it.text, said);
  EXPECT_EQ(it.steps, 1);
}

TEST(guided_decoding, a_blank_is_suppressed_where_that_is_asked_for) {
  one_text nothing({}), something(said), promised({11});
  auto spoken = rules;
  spoken.suppress_blank = true;
  spoken.longest = 1;
  EXPECT_EQ(decode_guided(nothing, spoken, {}, 0, {}), tokens{second_best});
  spoken.longest = 30;
  EXPECT_EQ(decode_guided(something, spoken, {}, 0, {}), said);
  EXPECT_EQ(decode_guided(promised, spoken, tokens{11}, 1, {}), tokens{11});
  EXPECT_EQ(decode({}, {}).text, tokens());
}

TEST(guided_decoding, after_a_guess_only_what_is_new_is_decoded) {
  const auto it = decode(said, {11, 12, 13, 14, 15, 16, 17});
  EXPECT_EQ(it.text, said);
  EXPECT_EQ(it.steps, 1 + 3);
}

TEST(guided_decoding, a_guess_goes_on_after_what_it_had_wrong) {
  const struct {
    const char* what;
    tokens guess;
    int steps;
  } cases[] = {
      {"too many", {11, 12, 90, 91, 92, 13, 14, 15, 16, 17, 18, 19, 20}, 2},
      {"another", {11, 12, 90, 14, 15, 16, 17, 18, 19, 20}, 3},
      {"one missing", {11, 12, 14, 15, 16, 17, 18, 19, 20}, 3},
      {"two places", {90, 11, 12, 13, 14, 91, 15, 16, 17, 18, 19, 20}, 3},
      {"the end", {11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22}, 1},
  };
  for (const auto& each : cases) {
    const auto it = decode(said, each.guess);
    EXPECT_EQ(it.text, said) << each.what;
    EXPECT_EQ(it.steps, each.steps) << each.what;
  }
}

TEST(guided_decoding, what_is_forced_begins_the_text) {
  const auto it = decode(said, {11, 12, 99, 13}, 3);
  ASSERT_GE(it.text.size(), 4U);
  EXPECT_EQ(tokens(it.text.begin(), it.text.begin() + 3), (tokens{11, 12, 99}));
  EXPECT_EQ(it.text[3], 503);  // as heard, not as guessed
}

TEST(guided_decoding, no_more_than_the_longest_is_said) {
  const tokens loop(100, 11);
  EXPECT_EQ(decode(loop, {}).text, tokens(rules.longest, 11));
  EXPECT_EQ(decode(loop, loop).text, tokens(rules.longest, 11));
  EXPECT_EQ(decode(loop, loop, 40).text, tokens(40, 11));  // but what was promised
}

TEST(guided_decoding, no_guess_changes_the_text) {
  std::mt19937 random(1);
  const auto number = [&](std::int64_t first, std::int64_t last) {
    return std::uniform_int_distribution<std::int64_t>(first, last)(random);
  };
  for (int round = 0; round < 20'000; ++round) {
    tokens text;
    for (auto left = number(0, 40); left > 0; --left) text.push_back(number(10, 15));
    tokens guess = text;
    for (auto left = number(0, 5); left > 0; --left) {
      const auto at = guess.begin() + number(0, static_cast<std::int64_t>(guess.size()));
      if (number(0, 1) == 0) {
        guess.insert(at, number(10, 15));
      } else if (at != guess.end()) {
        guess.erase(at);
      }
    }
    const auto same = std::ranges::mismatch(text, guess).in1 - text.begin();
    const auto forced = number(0, std::min<std::int64_t>(same, rules.longest));
    const auto plain = decode(text, {});
    const auto guided = decode(text, guess, static_cast<std::size_t>(forced));
    ASSERT_EQ(guided.text, plain.text);
    ASSERT_LE(guided.steps, plain.steps);
  }
}

TEST(guided_decoding, stop_cancels) {
  std::stop_source stop;
  stop.request_stop();
  one_text decoder(said);
  EXPECT_THROW(decode_guided(decoder, rules, {}, 0, stop.get_token()), speech_error);
  EXPECT_EQ(decoder.steps(), 0);
}

}  // namespace
}  // namespace duplex::speech
