#include "speech/segmentation/segmenter.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <stdexcept>

namespace duplex::speech {
namespace {

// Takes the first sample of each window for its probability, so that tests write probabilities as
// sound.
class readable_activity : public voice_activity {
 public:
  float probability(std::span<const float, vad_window> window) override { return window[0]; }
  void reset() override {}
};

struct piece {
  std::size_t start = 0;
  std::vector<float> samples;
  std::size_t voice_start = 0;
  std::size_t voice_end = 0;

  std::size_t end() const { return start + samples.size(); }
  bool operator==(const piece&) const = default;
};

std::vector<float> sound_of(const std::vector<float>& probabilities) {
  std::vector<float> samples;
  for (std::size_t i = 0; i < probabilities.size(); ++i) {
    samples.insert(samples.end(), vad_window, probabilities[i]);
    samples.back() = static_cast<float>(i);  // tells windows apart
  }
  return samples;
}

std::vector<float> windows(std::size_t count, float probability) {
  return std::vector<float>(count, probability);
}

std::vector<float> operator+(std::vector<float> first, const std::vector<float>& second) {
  first.insert(first.end(), second.begin(), second.end());
  return first;
}

segmenter::sink into(std::vector<piece>& pieces) {
  return [&pieces](const audio_segment& segment) {
    pieces.push_back({static_cast<std::size_t>(segment.start),
                      {segment.samples.begin(), segment.samples.end()},
                      static_cast<std::size_t>(segment.voice_start),
                      static_cast<std::size_t>(segment.voice_end)});
  };
}

std::vector<piece> cut(std::span<const float> samples, segmenter_options options = {},
                       std::size_t block = 1'000'000) {
  std::vector<piece> pieces;
  segmenter it(std::make_unique<readable_activity>(), options);
  while (!samples.empty()) {
    const auto part = samples.first(std::min(block, samples.size()));
    it.accept(part, into(pieces));
    samples = samples.subspan(part.size());
  }
  it.finish(into(pieces));
  return pieces;
}

TEST(segmenter, silence_has_no_segments) {
  EXPECT_TRUE(cut(sound_of(windows(1000, 0.0F))).empty());
}

TEST(segmenter, no_samples_have_no_segments) { EXPECT_TRUE(cut({}).empty()); }

TEST(segmenter, speech_is_padded_with_the_audio_around_it) {
  const auto samples = sound_of(windows(30, 0.0F) + windows(10, 0.9F) + windows(100, 0.0F));
  const auto pieces = cut(samples);
  ASSERT_EQ(pieces.size(), 1U);
  EXPECT_EQ(pieces[0].start, (30 - 13) * vad_window);
  EXPECT_EQ(pieces[0].end(), (40 + 13) * vad_window);
  EXPECT_EQ(pieces[0].voice_start, 30 * vad_window);
  EXPECT_EQ(pieces[0].voice_end, 40 * vad_window);
  EXPECT_TRUE(std::ranges::equal(
      pieces[0].samples, std::span(samples).subspan(pieces[0].start, pieces[0].samples.size())));
}

TEST(segmenter, speech_from_the_first_sample_to_the_last_is_kept_whole) {
  auto samples = sound_of(windows(20, 0.9F));
  samples.resize(samples.size() - 100);  // the last window is not complete
  const auto pieces = cut(samples);
  ASSERT_EQ(pieces.size(), 1U);
  EXPECT_EQ(pieces[0].samples, samples);
  EXPECT_EQ(pieces[0].voice_end, samples.size());
}

TEST(segmenter, speech_in_a_last_incomplete_window_lengthens_the_segment) {
  auto samples = sound_of(windows(5, 0.9F) + windows(20, 0.0F) + windows(1, 0.9F));
  samples.resize(samples.size() - 100);
  const auto pieces = cut(samples);
  ASSERT_EQ(pieces.size(), 1U);
  EXPECT_EQ(pieces[0].end(), samples.size());
}

TEST(segmenter, a_short_pause_does_not_end_a_segment) {
  EXPECT_EQ(cut(sound_of(windows(10, 0.9F) + windows(46, 0.0F) + windows(10, 0.9F))).size(), 1U);
  EXPECT_EQ(cut(sound_of(windows(10, 0.9F) + windows(47, 0.0F) + windows(10, 0.9F))).size(), 2U);
}

TEST(segmenter, an_old_segment_ends_at_a_shorter_pause) {
  EXPECT_EQ(cut(sound_of(windows(250, 0.9F) + windows(25, 0.0F) + windows(10, 0.9F))).size(),
            1U);  // still young
  EXPECT_EQ(cut(sound_of(windows(251, 0.9F) + windows(24, 0.0F) + windows(10, 0.9F))).size(), 1U);
  EXPECT_EQ(cut(sound_of(windows(251, 0.9F) + windows(25, 0.0F) + windows(10, 0.9F))).size(), 2U);
}

TEST(segmenter, doubt_goes_on_but_does_not_begin_a_segment) {
  EXPECT_TRUE(cut(sound_of(windows(100, 0.25F))).empty());
  const auto pieces = cut(sound_of(windows(10, 0.9F) + windows(60, 0.25F) + windows(10, 0.9F)));
  EXPECT_EQ(pieces.size(), 1U);
}

TEST(segmenter, a_click_is_no_speech) {
  EXPECT_TRUE(cut(sound_of(windows(30, 0.0F) + windows(1, 0.9F) + windows(100, 0.0F))).empty());
  EXPECT_EQ(cut(sound_of(windows(30, 0.0F) + windows(2, 0.9F) + windows(100, 0.0F))).size(), 1U);
}

TEST(segmenter, endless_speech_is_cut_at_its_quietest_window) {
  auto probabilities = windows(1500, 0.9F);
  probabilities[100] = 0.4F;  // quieter still, but in the first half
  probabilities[500] = 0.6F;
  probabilities[600] = 0.7F;
  probabilities[1000] = 0.6F;
  const auto pieces = cut(sound_of(probabilities));
  ASSERT_EQ(pieces.size(), 3U);
  EXPECT_EQ(pieces[0].end(), 500 * vad_window);
  EXPECT_EQ(pieces[1].start, 500 * vad_window);
  EXPECT_EQ(pieces[1].end(), 1000 * vad_window);
  EXPECT_EQ(pieces[2].start, 1000 * vad_window);
  EXPECT_EQ(pieces[2].end(), 1500 * vad_window);
}

TEST(segmenter, silence_after_a_cut_is_no_segment) {
  // The longest is reached during the pause after speech.
  const auto pieces = cut(sound_of(windows(610, 0.9F) + windows(15, 0.0F) + windows(200, 0.0F)));
  ASSERT_EQ(pieces.size(), 1U);
  EXPECT_EQ(pieces[0].voice_end, 610 * vad_window);
}

TEST(segmenter, reset_starts_a_new_stream) {
  std::vector<piece> pieces;
  segmenter it(std::make_unique<readable_activity>());
  it.accept(sound_of(windows(40, 0.9F)), into(pieces));
  it.reset();
  it.accept(sound_of(windows(5, 0.0F) + windows(20, 0.9F)), into(pieces));
  it.finish(into(pieces));
  ASSERT_EQ(pieces.size(), 1U);
  EXPECT_EQ(pieces[0].start, 0U);
  EXPECT_EQ(pieces[0].voice_start, 5 * vad_window);
}

TEST(segmenter, reset_repairs_what_an_exception_left) {
  segmenter it(std::make_unique<readable_activity>());
  const segmenter::sink fail = [](const audio_segment&) { throw std::runtime_error("no"); };
  EXPECT_THROW(it.accept(sound_of(windows(40, 0.9F) + windows(100, 0.0F)), fail),
               std::runtime_error);
  it.reset();
  std::vector<piece> pieces;
  it.accept(sound_of(windows(20, 0.9F)), into(pieces));
  it.finish(into(pieces));
  EXPECT_EQ(pieces.size(), 1U);
}

// Whatever is said, and however it arrives: segments in order, apart, bounded, true to the source,
// and nothing spoken outside of them.
TEST(segmenter, any_speech_keeps_every_promise) {
  constexpr segmenter_options options{
      .padding = 3, .silence = 5, .patience = 20, .long_silence = 9, .longest = 40, .shortest = 1};
  std::mt19937 random(2);
  for (int round = 0; round < 300; ++round) {
    std::vector<float> probabilities;
    while (probabilities.size() < 400) {
      const float probability = std::uniform_real_distribution<float>(0, 1)(random);
      probabilities = probabilities + windows(1 + random() % (round % 60 + 1), probability);
    }
    auto samples = sound_of(probabilities);
    samples.resize(samples.size() - random() % vad_window);
    const auto pieces = cut(samples, options);
    ASSERT_EQ(pieces, cut(samples, options, 1 + random() % 3000)) << round;

    std::size_t end = 0;
    std::vector<bool> covered(probabilities.size());
    for (const auto& it : pieces) {
      ASSERT_GE(it.start, end) << round;
      ASSERT_LE(it.samples.size(), options.longest * vad_window) << round;
      ASSERT_TRUE(it.start <= it.voice_start && it.voice_start < it.voice_end &&
                  it.voice_end <= it.end())
          << round;
      ASSERT_TRUE(
          std::ranges::equal(it.samples, std::span(samples).subspan(it.start, it.samples.size())))
          << round;
      end = it.end();
      for (std::size_t i = it.start / vad_window; i * vad_window < end; ++i) covered[i] = true;
    }
    for (std::size_t i = 0; i < probabilities.size(); ++i) {
      ASSERT_TRUE(covered[i] || probabilities[i] < options.voice_threshold)
          << round << ", window " << i;
    }
  }
}

}  // namespace
}  // namespace duplex::speech
