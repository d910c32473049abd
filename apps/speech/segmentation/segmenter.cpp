#include "speech/segmentation/segmenter.hpp"

#include <algorithm>
#include <cassert>
#include <utility>

namespace duplex::speech {

segmenter::segmenter(std::unique_ptr<voice_activity> activity, segmenter_options options)
    : activity_(std::move(activity)), options_(options) {
  assert(options_.padding < options_.silence && options_.silence <= options_.long_silence);
  assert(options_.long_silence < options_.longest);
}

void segmenter::accept(std::span<const float> samples, const sink& emit) {
  while (!samples.empty()) {
    const std::size_t missing = vad_window - samples_.size() % vad_window;
    const auto taken = samples.first(std::min(missing, samples.size()));
    samples_.insert(samples_.end(), taken.begin(), taken.end());
    samples = samples.subspan(taken.size());
    if (taken.size() == missing) judge_last_window(emit);
  }
}

void segmenter::finish(const sink& emit) {
  // The detector wants whole windows; the segment ends with the real samples.
  if (const std::size_t rest = samples_.size() % vad_window; rest != 0) {
    fill_ = vad_window - rest;
    samples_.resize(samples_.size() + fill_);
    judge_last_window(emit);
  }
  if (segment_) hand_over(std::min(segment_->last_voice + 1 + options_.padding, judged()), emit);
}

void segmenter::reset() {
  activity_->reset();
  samples_.clear();
  probabilities_.clear();
  first_ = 0;
  fill_ = 0;
  segment_.reset();
}

void segmenter::judge_last_window(const sink& emit) {
  const float probability = activity_->probability(std::span(samples_).last<vad_window>());
  const std::size_t window = judged();
  probabilities_.push_back(probability);
  if (!segment_ && probability >= options_.voice_threshold) open(window);
  if (segment_) {
    extend(window, probability, emit);
  } else if (probabilities_.size() > options_.padding) {
    drop_before(judged() - options_.padding);
  }
}

void segmenter::open(std::size_t window) {
  const std::size_t padding = std::min(options_.padding, window - first_);
  segment_ = open_segment{.start = window - padding, .first_voice = window, .last_voice = window};
  drop_before(segment_->start);
}

void segmenter::extend(std::size_t window, float probability, const sink& emit) {
  if (probability >= options_.voice_threshold) ++segment_->voiced;
  if (probability >= options_.silence_threshold) segment_->last_voice = window;
  const bool is_young = segment_->last_voice - segment_->start < options_.patience;
  const std::size_t enough = is_young ? options_.long_silence : options_.silence;
  if (window - segment_->last_voice >= enough) {
    hand_over(segment_->last_voice + 1 + options_.padding, emit);
  } else if (judged() - segment_->start >= options_.longest) {
    cut(emit);
  }
}

// Somebody talks without a pause. Cut where a pause is likeliest, and go on from there.
void segmenter::cut(const sink& emit) {
  const auto second_half =
      probabilities_.begin() + static_cast<std::ptrdiff_t>(probabilities_.size() / 2);
  const auto quietest = std::min_element(second_half, probabilities_.end());
  const std::size_t at = first_ + static_cast<std::size_t>(quietest - probabilities_.begin());
  open_segment rest = *segment_;
  segment_->last_voice = std::min(segment_->last_voice, at - 1);
  hand_over(at, emit);
  if (rest.last_voice < at) return;
  rest.start = rest.first_voice = at;
  segment_ = rest;
}

void segmenter::hand_over(std::size_t end, const sink& emit) {
  const open_segment segment = *std::exchange(segment_, std::nullopt);
  if (segment.voiced >= options_.shortest) {
    const std::size_t size = std::min((end - first_) * vad_window, samples_.size() - fill_);
    const auto start = static_cast<std::int64_t>(first_ * vad_window);
    emit({.start = start,
          .samples = std::span(samples_).first(size),
          .voice_start = static_cast<std::int64_t>(segment.first_voice * vad_window),
          .voice_end = std::min(static_cast<std::int64_t>((segment.last_voice + 1) * vad_window),
                                start + static_cast<std::int64_t>(size))});
  }
  drop_before(end);
}

void segmenter::drop_before(std::size_t window) {
  const std::size_t count = window - first_;
  probabilities_.erase(probabilities_.begin(),
                       probabilities_.begin() + static_cast<std::ptrdiff_t>(count));
  const std::size_t dropped = std::min(count * vad_window, samples_.size());
  samples_.erase(samples_.begin(), samples_.begin() + static_cast<std::ptrdiff_t>(dropped));
  first_ = window;
}

}  // namespace duplex::speech
