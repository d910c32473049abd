#include "speech/recognizers/offline.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

#include "speech/segmentation/levelled_activity.hpp"
#include "speech/segmentation/segmenter.hpp"
#include "speech/utf8.hpp"

namespace duplex::speech {
namespace {

std::string tidy(std::string text) {
  constexpr std::string_view white = " \t\r\n";
  const auto first = text.find_first_not_of(white);
  if (first == std::string::npos) return {};
  text.erase(text.find_last_not_of(white) + 1);
  text.erase(0, first);
  return to_valid_utf8(std::move(text));
}

// Models miss words in quiet speech as detectors do. `memory` holds the louder samples.
std::span<const float> levelled(std::span<const float> samples, std::vector<float>& memory) {
  constexpr float highest_gain = 100;
  const float gain = gain_for(peak_of(samples), highest_gain);
  if (gain == 1) return samples;
  memory.assign(samples.begin(), samples.end());
  for (float& sample : memory) sample *= gain;
  return memory;
}

class offline_recognition : public recognition {
 public:
  offline_recognition(std::shared_ptr<const offline_model> model,
                      std::unique_ptr<voice_activity> activity, const segmenter_options& options)
      : model_(std::move(model)),
        segmenter_(std::make_unique<levelled_activity>(std::move(activity)), options) {}

  std::vector<speech_mark> accept(std::span<const float> samples) override {
    return settling(segmenter_.accept(samples));
  }
  std::vector<speech_mark> flush() override { return settling(segmenter_.flush()); }
  std::vector<speech_mark> finish() override { return settling(segmenter_.finish()); }

  bool has_final() const override { return !segmenter_.ended().empty(); }

  final_transcript decode_final(const std::stop_token& stop) override {
    throw_if_stopped(stop);
    const audio_segment segment = std::move(segmenter_.ended().front());
    segmenter_.ended().pop_front();
    settle();
    return {.segment = segment.number,
            .text = tidy(model_->transcribe(levelled(segment.samples, levelled_), stop)),
            .start_ms = to_ms(segment.voice_start),
            .end_ms = to_ms(segment.voice_end),
            .reason = segment.reason};
  }

  std::int64_t unheard() const override {
    const auto segment = segmenter_.open();
    if (!segment) return 0;
    const auto heard = static_cast<std::int64_t>(segment->samples.size());
    return segment->number == partial_ ? heard - covered_ : heard;
  }

  partial_transcript decode_partial(const std::stop_token& stop) override {
    throw_if_stopped(stop);
    const unfinished_segment segment = segmenter_.open().value();
    partial_ = segment.number;
    covered_ = static_cast<std::int64_t>(segment.samples.size());
    return {.segment = segment.number,
            .text = tidy(model_->transcribe(levelled(segment.samples, levelled_), stop)),
            .start_ms = to_ms(segment.voice_start),
            .end_ms = to_ms(segment.voice_end)};
  }

  std::int64_t settled() const override { return settled_; }

  void reset() override {
    segmenter_.reset();
    partial_ = -1;
    covered_ = settled_ = 0;
  }

 private:
  std::vector<speech_mark> settling(std::vector<speech_mark> marks) {
    settle();
    return marks;
  }

  void settle() {
    const auto& ended = segmenter_.ended();
    settled_ = std::max(settled_, ended.empty() ? segmenter_.position() : ended.front().start);
  }

  std::shared_ptr<const offline_model> model_;
  segmenter segmenter_;
  std::int64_t settled_ = 0;
  std::int64_t partial_ = -1;    // the segment of the last partial
  std::int64_t covered_ = 0;     // how many of its samples that partial covered
  std::vector<float> levelled_;  // of the segment being decoded
};

}  // namespace

offline_recognizer::offline_recognizer(std::string name, std::string language,
                                       std::shared_ptr<const offline_model> model, silero_vad vad)
    : name_(std::move(name)),
      language_(std::move(language)),
      model_(std::move(model)),
      vad_(std::move(vad)) {}

std::unique_ptr<recognition> offline_recognizer::start(const stream_options& options) const {
  return std::make_unique<offline_recognition>(model_, vad_.start(), segmentation_of(options));
}

}  // namespace duplex::speech
