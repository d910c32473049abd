// When a segment is read for a partial, and how much reading that makes. The model only counts:
// real voice activity over the sample.
#include "speech/recognizers/offline.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "recordings.hpp"
#include "speech/models.hpp"
#include "transcribe.hpp"

namespace duplex::speech {
namespace {

using std::chrono::milliseconds;

constexpr std::int64_t ms = sample_rate / 1000;

class counting_model : public offline_model {
 public:
  explicit counting_model(std::string text) : text_(std::move(text)) {}

  std::unique_ptr<segment_reader> start() const override { return std::make_unique<reader>(*this); }

  std::size_t samples_read() const { return samples_read_; }

 private:
  class reader : public segment_reader {
   public:
    explicit reader(const counting_model& model) : model_(model) {}
    reading read(std::span<const float> speech, std::size_t, const std::stop_token&) override {
      model_.samples_read_ += speech.size();
      return {.text = model_.text_};
    }
    std::string read_whole(std::span<const float>, const std::stop_token&) override {
      return model_.text_;
    }

   private:
    const counting_model& model_;
  };

  std::string text_;
  mutable std::size_t samples_read_ = 0;
};

class offline : public testing::Test {
 protected:
  std::unique_ptr<recognition> start(const std::string& text, const stream_options& options = {}) {
    load_recognizer("tiny");  // and ONNX Runtime
    model_ = std::make_shared<const counting_model>(text);
    const silero_vad vad(data_directory() / "models/silero-vad/silero_vad_v5.onnx");
    return offline_recognizer("counting", "en", model_, vad).start(options);
  }

  // Speaks for so long, in chunks of 100 ms, the sample again and again. Returns all partials.
  std::vector<partial_transcript> speak(recognition& stream, milliseconds time,
                                        milliseconds interval) const {
    const auto sample = samples_of(read_bytes(data_directory() / "samples/jfk.wav"));
    std::vector<partial_transcript> partials;
    const auto chunk = static_cast<std::size_t>(100 * ms);
    for (auto left = time; left > milliseconds(0); left -= milliseconds(100)) {
      const auto at =
          static_cast<std::size_t>((time - left).count() * ms) % (sample.size() - chunk);
      stream.accept(std::span(sample).subspan(at, chunk));
      while (stream.has_final()) stream.decode_final({});
      if (stream.partial_due(interval.count() * ms)) partials.push_back(stream.decode_partial({}));
    }
    return partials;
  }

  static std::int64_t length(const partial_transcript& it) { return it.end_ms - it.start_ms; }

  std::shared_ptr<const counting_model> model_;
};

TEST_F(offline, the_first_partial_comes_early_whatever_the_interval) {
  const auto stream = start("text");
  const auto partials = speak(*stream, milliseconds(9000), milliseconds(4000));
  ASSERT_EQ(partials.size(), 3U);
  EXPECT_LE(length(partials[0]), 450);
  EXPECT_GE(partials[1].end_ms - partials[0].end_ms, 3500);  // less what is only silence
}

TEST_F(offline, a_partial_without_text_is_tried_again_soon) {
  const auto stream = start("");
  const auto partials = speak(*stream, milliseconds(1500), milliseconds(4000));
  ASSERT_GE(partials.size(), 4U);
  EXPECT_LE(partials[1].end_ms - partials[0].end_ms, 250);
}

// The time that models take grows with what they read: samples to encode, 6.5 tokens a second.
TEST_F(offline, endless_speech_is_read_a_bounded_number_of_times) {
  for (const std::string text : {"text", ""}) {
    // Pauses do not end a segment: each grows to 20 s.
    const auto stream = start(text, {.silence = milliseconds(5000)});
    const auto partials = speak(*stream, milliseconds(120'000), milliseconds(100));
    EXPECT_GT(partials.size(), 60U);
    EXPECT_GT(std::ranges::max(partials, {}, length).end_ms, 15'000);
    EXPECT_LT(model_->samples_read(), 7U * 120 * sample_rate);
  }
}

}  // namespace
}  // namespace duplex::speech
