#include "speech/segmentation/segmenter.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "speech/error.hpp"

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
  std::int64_t number = 0;
  std::size_t start = 0;
  std::vector<float> samples;
  std::size_t voice_start = 0;
  std::size_t voice_end = 0;
  end_reason reason = end_reason::silence;

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

// Takes what has ended.
std::vector<piece> pieces_of(segmenter& it) {
  std::vector<piece> pieces;
  for (; !it.ended().empty(); it.ended().pop_front()) {
    const audio_segment& segment = it.ended().front();
    pieces.push_back({segment.number, static_cast<std::size_t>(segment.start), segment.samples,
                      static_cast<std::size_t>(segment.voice_start),
                      static_cast<std::size_t>(segment.voice_end), segment.reason});
  }
  return pieces;
}

std::vector<piece> cut(std::span<const float> samples, segmenter_options options = {},
                       std::size_t block = 1'000'000) {
  segmenter it(std::make_unique<readable_activity>(), options);
  while (!samples.empty()) {
    const auto part = samples.first(std::min(block, samples.size()));
    it.accept(part);
    samples = samples.subspan(part.size());
  }
  it.finish();
  return pieces_of(it);
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
  segmenter it(std::make_unique<readable_activity>());
  it.accept(sound_of(windows(40, 0.9F) + windows(100, 0.0F) + windows(40, 0.9F)));
  it.reset();
  EXPECT_EQ(it.position(), 0);
  EXPECT_TRUE(it.ended().empty());
  it.accept(sound_of(windows(5, 0.0F) + windows(20, 0.9F)));
  it.finish();
  const auto pieces = pieces_of(it);
  ASSERT_EQ(pieces.size(), 1U);
  EXPECT_EQ(pieces[0].number, 0);
  EXPECT_EQ(pieces[0].start, 0U);
  EXPECT_EQ(pieces[0].voice_start, 5 * vad_window);
}

TEST(segmenter, speech_is_told_once_it_is_no_click) {
  segmenter it(std::make_unique<readable_activity>());
  EXPECT_TRUE(it.accept(sound_of(windows(20, 0.0F) + windows(1, 0.9F))).empty());
  EXPECT_FALSE(it.open());
  EXPECT_EQ(it.accept(sound_of(windows(1, 0.9F))),
            (std::vector<speech_mark>{speech_started{20 * 32}}));
  ASSERT_TRUE(it.open());
  EXPECT_EQ(it.open()->samples.size(), (13 + 2) * vad_window);
  EXPECT_EQ(it.accept(sound_of(windows(60, 0.0F))),
            (std::vector<speech_mark>{speech_ended{22 * 32}}));
  EXPECT_FALSE(it.open());
}

TEST(segmenter, an_open_segment_has_no_more_silence_than_it_will_keep) {
  segmenter it(std::make_unique<readable_activity>());
  it.accept(sound_of(windows(20, 0.9F) + windows(5, 0.0F)));
  EXPECT_EQ(it.open()->samples.size(), 25 * vad_window);
  it.accept(sound_of(windows(15, 0.0F)));
  EXPECT_EQ(it.open()->samples.size(), 33 * vad_window);
  EXPECT_EQ(it.open()->voice_end, 20 * vad_window);
}

TEST(segmenter, flush_ends_speech_with_the_last_sample_and_goes_on_with_the_next) {
  segmenter it(std::make_unique<readable_activity>());
  auto samples = sound_of(windows(20, 0.9F));
  samples.resize(samples.size() - 100);
  it.accept(samples);
  EXPECT_EQ(it.flush(), (std::vector<speech_mark>{speech_ended{19 * 32}}));
  EXPECT_TRUE(it.flush().empty());
  it.accept(sound_of(windows(20, 0.9F)));
  it.finish();
  const auto pieces = pieces_of(it);
  ASSERT_EQ(pieces.size(), 2U);
  EXPECT_EQ(pieces[0].samples, samples);
  EXPECT_EQ(pieces[0].reason, end_reason::flush);
  EXPECT_EQ(pieces[1].start, samples.size());
  EXPECT_EQ(pieces[1].samples.size(), 20 * vad_window);
  EXPECT_EQ(pieces[1].number, 1);
  EXPECT_EQ(pieces[1].reason, end_reason::stop);
}

TEST(segmenter, flush_without_speech_changes_nothing) {
  const auto samples = sound_of(windows(20, 0.0F) + windows(1, 0.9F) + windows(20, 0.9F));
  segmenter it(std::make_unique<readable_activity>());
  for (const std::size_t block : {10 * vad_window + 77, 9 * vad_window + 500, vad_window, 300UL}) {
    it.accept(std::span(samples).subspan(static_cast<std::size_t>(it.position()), block));
    EXPECT_TRUE(it.flush().empty());
  }
  it.accept(std::span(samples).subspan(static_cast<std::size_t>(it.position())));
  it.finish();
  EXPECT_EQ(pieces_of(it), cut(samples));
}

TEST(segmenter, each_end_has_its_reason) {
  const auto pieces = cut(sound_of(windows(700, 0.9F) + windows(60, 0.0F) + windows(10, 0.9F)));
  ASSERT_EQ(pieces.size(), 3U);
  EXPECT_EQ(pieces[0].reason, end_reason::max);
  EXPECT_EQ(pieces[1].reason, end_reason::silence);
  EXPECT_EQ(pieces[2].reason, end_reason::stop);
}

TEST(segmentation, is_a_stream_s_options_in_windows) {
  const segmenter_options of_recordings = segmentation_of(recording_options);
  EXPECT_EQ(of_recordings.silence, 25U);
  EXPECT_EQ(of_recordings.patience, 22U);
  EXPECT_EQ(of_recordings.preroll, 13U);
  EXPECT_EQ(of_recordings.longest, 625U);
  using std::chrono::milliseconds;
  const segmenter_options quick =
      segmentation_of({.silence = milliseconds(200), .patience = milliseconds(0)});
  EXPECT_EQ(quick.silence, 6U);
  EXPECT_EQ(quick.hangover, 6U);
  EXPECT_EQ(quick.patience, 0U);
  EXPECT_EQ(segmentation_of({.longest = milliseconds(2000)}).cut_range, 31U);  // half of it
}

TEST(segmenter, what_is_certain_of_an_open_segment_is_before_any_cut) {
  segmenter it(std::make_unique<readable_activity>());
  it.accept(sound_of(windows(600, 0.9F)));
  EXPECT_EQ(it.open()->samples.size(), 600 * vad_window);
  EXPECT_EQ(it.open()->certain, (625 - 312) * vad_window);
}

TEST(segmentation, options_out_of_range_are_named) {
  using std::chrono::milliseconds;
  const auto failure = [](const stream_options& options) {
    try {
      segmentation_of(options);
    } catch (const speech_error& error) {
      EXPECT_EQ(error.code(), error_code::bad_field);
      return std::string(error.what());
    }
    return std::string();
  };
  EXPECT_EQ(failure({}), "");
  EXPECT_EQ(failure({.silence = milliseconds(199)}), "silence_ms: expected 200 to 5000, not 199");
  EXPECT_EQ(failure({.longest = milliseconds(25'001)}),
            "max_ms: expected 2000 to 25000, not 25001");
  EXPECT_EQ(failure({.preroll = milliseconds(-1)}), "preroll_ms: expected 0 to 1000, not -1");
  EXPECT_EQ(failure({.patience = milliseconds(5001)}), "patience_ms: expected 0 to 5000, not 5001");
  EXPECT_EQ(failure({.silence = milliseconds(2000), .longest = milliseconds(2000)}),
            "silence_ms: expected less than max_ms with patience_ms, not 2900");
}

// What is said, as probabilities: loud, doubtful and quiet by turns.
std::vector<float> random_speech(std::mt19937& random, std::size_t longest) {
  std::vector<float> probabilities;
  while (probabilities.size() < 400) {
    const float probability = std::uniform_real_distribution<float>(0, 1)(random);
    probabilities = probabilities + windows(1 + random() % longest, probability);
  }
  return probabilities;
}

constexpr segmenter_options short_segments{.preroll = 3,
                                           .hangover = 3,
                                           .silence = 5,
                                           .youth = 20,
                                           .patience = 4,
                                           .longest = 40,
                                           .cut_range = 20,
                                           .shortest = 1};

// Whatever is said, and however it arrives: segments in order, apart, bounded, true to the source,
// and nothing spoken outside of them.
TEST(segmenter, any_speech_keeps_every_promise) {
  constexpr segmenter_options options = short_segments;
  std::mt19937 random(2);
  for (std::size_t round = 0; round < 300; ++round) {
    const auto probabilities = random_speech(random, round % 60 + 1);
    auto samples = sound_of(probabilities);
    samples.resize(samples.size() - random() % vad_window);
    const auto pieces = cut(samples, options);
    ASSERT_EQ(pieces, cut(samples, options, 1 + random() % 3000)) << round;

    std::size_t end = 0;
    std::int64_t number = 0;
    std::vector<bool> covered(probabilities.size());
    for (const auto& it : pieces) {
      ASSERT_EQ(it.number, number++) << round;
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

// Flushes anywhere, too, lose no window of speech that was heard before the flush or after it, and
// what is told of the open segment on the way agrees with what becomes of it.
TEST(segmenter, flushes_anywhere_keep_every_promise) {
  std::mt19937 random(3);
  for (std::size_t round = 0; round < 300; ++round) {
    auto samples = sound_of(random_speech(random, round % 60 + 1));
    segmenter it(std::make_unique<readable_activity>(), short_segments);
    std::vector<speech_mark> marks;
    const auto keep = [&marks](const std::vector<speech_mark>& more) {
      marks.insert(marks.end(), more.begin(), more.end());
    };
    std::vector<unfinished_segment> seen;
    for (std::size_t at = 0; at < samples.size();) {
      const std::size_t size = std::min<std::size_t>(1 + random() % 9000, samples.size() - at);
      keep(it.accept(std::span(samples).subspan(at, size)));
      if (const auto open = it.open()) seen.push_back(*open);
      if (random() % 4 == 0) keep(it.flush());
      at += size;
    }
    keep(it.finish());
    const auto pieces = pieces_of(it);

    std::size_t end = 0;
    for (const auto& piece : pieces) {
      ASSERT_GE(piece.start, end) << round;
      ASSERT_LE(piece.samples.size(), short_segments.longest * vad_window) << round;
      ASSERT_TRUE(std::ranges::equal(piece.samples,
                                     std::span(samples).subspan(piece.start, piece.samples.size())))
          << round;
      end = piece.end();
    }
    ASSERT_EQ(marks.size(), 2 * pieces.size()) << round;
    for (std::size_t i = 0; i < pieces.size(); ++i) {
      const auto ms = [](std::size_t position) {
        return to_ms(static_cast<std::int64_t>(position));
      };
      ASSERT_EQ(marks[2 * i], speech_mark(speech_started{ms(pieces[i].voice_start)})) << round;
      ASSERT_EQ(marks[2 * i + 1], speech_mark(speech_ended{ms(pieces[i].voice_end)})) << round;
    }
    for (const auto& open : seen) {
      ASSERT_LT(open.number, static_cast<std::int64_t>(pieces.size())) << round;
      const auto& piece = pieces[static_cast<std::size_t>(open.number)];
      ASSERT_EQ(static_cast<std::size_t>(open.voice_start), piece.voice_start) << round;
    }
  }
}

}  // namespace
}  // namespace duplex::speech
