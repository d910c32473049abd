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
                      std::unique_ptr<voice_activity> activity)
      : model_(std::move(model)),
        segmenter_(std::make_unique<levelled_activity>(std::move(activity))) {}

  std::vector<transcript_event> accept(std::span<const float> samples,
                                       const std::stop_token& stop) override {
    std::vector<transcript_event> events;
    // A second at a time: stop is looked at in silence too.
    while (!samples.empty()) {
      throw_if_stopped(stop);
      const auto block = samples.first(std::min<std::size_t>(samples.size(), sample_rate));
      segmenter_.accept(block, decode_into(events, stop));
      samples = samples.subspan(block.size());
    }
    return events;
  }

  std::vector<transcript_event> finish(const std::stop_token& stop) override {
    std::vector<transcript_event> events;
    segmenter_.finish(decode_into(events, stop));
    return events;
  }

  void reset() override { segmenter_.reset(); }

 private:
  segmenter::sink decode_into(std::vector<transcript_event>& events, const std::stop_token& stop) {
    return [this, &events, &stop](const audio_segment& segment) {
      throw_if_stopped(stop);
      std::string text = tidy(model_->transcribe(levelled(segment.samples, levelled_), stop));
      if (text.empty()) return;
      events.push_back({std::move(text), to_ms(segment.voice_start), to_ms(segment.voice_end)});
    };
  }

  std::shared_ptr<const offline_model> model_;
  segmenter segmenter_;
  std::vector<float> levelled_;  // of the segment being decoded
};

}  // namespace

offline_recognizer::offline_recognizer(std::string name, std::string language,
                                       std::shared_ptr<const offline_model> model, silero_vad vad)
    : name_(std::move(name)),
      language_(std::move(language)),
      model_(std::move(model)),
      vad_(std::move(vad)) {}

std::unique_ptr<recognition> offline_recognizer::start() const {
  return std::make_unique<offline_recognition>(model_, vad_.start());
}

}  // namespace duplex::speech
