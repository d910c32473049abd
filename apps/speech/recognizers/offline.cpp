#include "speech/recognizers/offline.hpp"

#include <algorithm>
#include <map>
#include <string_view>
#include <utility>

#include "speech/segmentation/levelled_activity.hpp"
#include "speech/segmentation/segmenter.hpp"
#include "speech/utf8.hpp"

namespace duplex::speech {
namespace {

// A segment has its first partial after so much speech, whatever the interval: of less models make
// nothing, or another word, also of a hum.
constexpr std::int64_t soonest = sample_rate / 4;

// While partials have no text, the next is tried after so much.
constexpr std::int64_t retry = sample_rate / 10;

// To read a segment anew costs in proportion to its length. Each partial waits until this part of
// the segment is new, so that all of them together read six times its length at most, however long
// it is and short the interval.
constexpr std::int64_t part = 6;

// Valid UTF-8 without white space at either end.
reading tidy(reading it) {
  constexpr std::string_view white = " \t\r\n";
  const auto first = it.text.find_first_not_of(white);
  if (first == std::string::npos) return {};
  it.text.erase(it.text.find_last_not_of(white) + 1);
  const std::size_t stable = std::min(it.stable, it.text.size());
  if (stable > first)
    it.stable = to_valid_utf8(it.text.substr(first, stable - first)).size();
  else
    it.stable = 0;
  it.text = to_valid_utf8(it.text.substr(first));
  return it;
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
    // What partials have told of it goes on to be true.
    auto begun = begun_.extract(segment.number);
    const auto reader = begun ? std::move(begun.mapped().reader) : model_->start();
    std::string text = reader->read_whole(levelled(segment.samples), stop);
    return {.segment = segment.number,
            .text = tidy({std::move(text)}).text,
            .start_ms = to_ms(segment.voice_start),
            .end_ms = to_ms(segment.voice_end),
            .reason = segment.reason};
  }

  bool partial_due(std::int64_t interval) const override {
    const auto segment = segmenter_.open();
    if (!segment) return false;
    const auto heard = static_cast<std::int64_t>(segment->samples.size());
    const auto begun = begun_.find(segment->number);
    if (begun == begun_.end()) return segment->voice_end - segment->voice_start >= soonest;
    const std::int64_t wanted = begun->second.has_text ? interval : std::min(interval, retry);
    const std::int64_t new_enough = model_->is_streaming() ? 0 : heard / part;
    return heard - begun->second.covered >= std::max(wanted, new_enough);
  }

  partial_transcript decode_partial(const std::stop_token& stop) override {
    throw_if_stopped(stop);
    const unfinished_segment segment = segmenter_.open().value();
    auto& [reader, covered, has_text] = begun_[segment.number];
    if (!reader) reader = model_->start();
    covered = static_cast<std::int64_t>(segment.samples.size());
    auto [text, stable] = tidy(reader->read(levelled(segment.samples), segment.certain, stop));
    has_text = !text.empty();
    return {.segment = segment.number,
            .text = std::move(text),
            .stable = stable,
            .start_ms = to_ms(segment.voice_start),
            .end_ms = to_ms(segment.voice_end)};
  }

  std::int64_t settled() const override { return settled_; }

  void reset() override {
    segmenter_.reset();
    begun_.clear();
    settled_ = 0;
  }

 private:
  // A segment that has had partials, and no final yet.
  struct partial_reading {
    std::unique_ptr<segment_reader> reader;
    std::int64_t covered = 0;  // how many of its samples the last partial had
    bool has_text = false;     // the last partial
  };

  std::vector<speech_mark> settling(std::vector<speech_mark> marks) {
    settle();
    return marks;
  }

  void settle() {
    const auto& ended = segmenter_.ended();
    settled_ = std::max(settled_, ended.empty() ? segmenter_.position() : ended.front().start);
  }

  // Models miss words in quiet speech as detectors do.
  std::span<const float> levelled(std::span<const float> samples) {
    constexpr float highest_gain = 100;
    const float gain = model_->is_streaming() ? 1 : gain_for(peak_of(samples), highest_gain);
    if (gain == 1) return samples;
    levelled_.assign(samples.begin(), samples.end());
    for (float& sample : levelled_) sample *= gain;
    return levelled_;
  }

  std::shared_ptr<const offline_model> model_;
  segmenter segmenter_;
  std::int64_t settled_ = 0;
  std::map<std::int64_t, partial_reading> begun_;  // by the number of the segment
  std::vector<float> levelled_;                    // of the segment being decoded
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
