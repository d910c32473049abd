#include "speech/segmentation/segmenter.hpp"

#include <algorithm>
#include <array>
#include <cassert>
#include <utility>

namespace duplex::speech {
namespace {

// The nearest number of windows.
std::size_t windows_in(std::chrono::milliseconds time) {
  constexpr std::int64_t window = vad_window;
  return static_cast<std::size_t>((time.count() * sample_rate / 1000 + window / 2) / window);
}

}  // namespace

segmenter_options segmentation_of(const stream_options& options) {
  check(options);
  segmenter_options windows;
  windows.preroll = windows_in(options.preroll);
  windows.silence = windows_in(options.silence);
  windows.hangover = std::min(windows.hangover, windows.silence);
  windows.patience = windows_in(options.silence + options.patience) - windows.silence;
  windows.longest = windows_in(options.longest);
  windows.cut_range = std::min(windows_in(options.cut_range), windows.longest / 2);
  return windows;
}

segmenter::segmenter(std::unique_ptr<voice_activity> activity, segmenter_options options)
    : activity_(std::move(activity)), options_(options) {
  assert(options_.hangover <= options_.silence && options_.preroll < options_.longest);
  assert(options_.cut_range > 0 && options_.cut_range < options_.longest);
}

std::vector<speech_mark> segmenter::accept(std::span<const float> samples) {
  while (!samples.empty()) {
    const std::size_t missing = vad_window - samples_.size() % vad_window;
    const auto taken = samples.first(std::min(missing, samples.size()));
    samples_.insert(samples_.end(), taken.begin(), taken.end());
    samples = samples.subspan(taken.size());
    if (taken.size() == missing) judge(std::span(samples_).last<vad_window>());
  }
  return std::exchange(marks_, {});
}

std::vector<speech_mark> segmenter::flush() {
  if (segment_ && is_speech(*segment_)) end_now(end_reason::flush);
  return std::exchange(marks_, {});
}

std::vector<speech_mark> segmenter::finish() {
  // The detector wants whole windows; the segment ends with the real samples.
  if (const std::size_t rest = samples_.size() % vad_window; rest != 0) {
    std::array<float, vad_window> last{};
    std::ranges::copy(std::span(samples_).last(rest), last.begin());
    judge(last);
  }
  if (segment_) end_now(end_reason::stop);
  return std::exchange(marks_, {});
}

std::optional<unfinished_segment> segmenter::open() const {
  if (!segment_ || !is_speech(*segment_)) return std::nullopt;
  const std::size_t heard = (segment_->last_voice + 1 + options_.hangover) * vad_window;
  const auto samples = std::span(samples_).first(std::min(heard, samples_.size()));
  return unfinished_segment{
      .number = count_ - 1,
      .samples = samples,
      .lead = static_cast<std::int64_t>(segment_->first_voice * vad_window),
      .certain = std::min(samples.size(), (options_.longest - options_.cut_range) * vad_window),
      .voice_start = position_of(segment_->first_voice),
      .voice_end = position_of(segment_->last_voice + 1),
  };
}

std::int64_t segmenter::position() const {
  return first_ + static_cast<std::int64_t>(samples_.size());
}

void segmenter::reset() {
  activity_->reset();
  samples_.clear();
  probabilities_.clear();
  first_ = count_ = 0;
  segment_.reset();
  ended_.clear();
  marks_.clear();
}

void segmenter::judge(std::span<const float, vad_window> window) {
  const float probability = activity_->probability(window);
  probabilities_.push_back(probability);
  if (!segment_ && probability >= options_.voice_threshold) open_at(probabilities_.size() - 1);
  if (segment_) {
    extend(probabilities_.size() - 1, probability);
  } else if (probabilities_.size() > options_.preroll) {
    drop(probabilities_.size() - options_.preroll);
  }
}

void segmenter::open_at(std::size_t window) {
  const std::size_t preroll = std::min(options_.preroll, window);
  segment_ = open_segment{.first_voice = preroll, .last_voice = preroll};
  drop(window - preroll);
}

void segmenter::extend(std::size_t window, float probability) {
  if (probability >= options_.voice_threshold && ++segment_->voiced == options_.shortest) {
    marks_.push_back(speech_started{to_ms(position_of(segment_->first_voice))});
    ++count_;
  }
  if (probability >= options_.silence_threshold) segment_->last_voice = window;
  const bool is_young = segment_->last_voice < options_.youth;
  const std::size_t enough = options_.silence + (is_young ? options_.patience : 0);
  if (window - segment_->last_voice >= enough) {
    const std::size_t windows = segment_->last_voice + 1 + options_.hangover;
    end(std::min(windows * vad_window, samples_.size()), end_reason::silence);
  } else if (probabilities_.size() >= options_.longest) {
    cut();
  }
}

// Somebody talks without a pause. Cut where a pause is likeliest, and go on from there.
void segmenter::cut() {
  const auto range = probabilities_.end() - static_cast<std::ptrdiff_t>(options_.cut_range);
  const auto quietest = std::min_element(range, probabilities_.end());
  const auto at = static_cast<std::size_t>(quietest - probabilities_.begin());
  open_segment rest = *segment_;
  segment_->last_voice = std::min(segment_->last_voice, at - 1);
  end(at * vad_window, end_reason::max);
  if (rest.last_voice < at) return;
  rest.first_voice = 0;
  rest.last_voice -= at;
  segment_ = rest;
  if (!is_speech(rest)) return;
  marks_.push_back(speech_started{to_ms(first_)});
  ++count_;
}

// Ends the open segment with all there is, or where the silence after it begins to be no part of
// it.
void segmenter::end_now(end_reason reason) {
  const std::size_t windows = segment_->last_voice + 1 + options_.hangover;
  end(windows < probabilities_.size() ? windows * vad_window : samples_.size(), reason);
}

// Ends the open segment after so many samples: whole windows, or all.
void segmenter::end(std::size_t count, end_reason reason) {
  const open_segment segment = *std::exchange(segment_, std::nullopt);
  const std::size_t windows = (count + vad_window - 1) / vad_window;
  if (is_speech(segment)) {
    const auto end = first_ + static_cast<std::int64_t>(count);
    const std::int64_t voice_end = std::min(position_of(segment.last_voice + 1), end);
    std::vector<float> samples(samples_.begin() + static_cast<std::ptrdiff_t>(count),
                               samples_.end());
    samples_.swap(samples);  // what is left is the smaller part
    samples.resize(count);
    ended_.push_back({.number = count_ - 1,
                      .start = first_,
                      .samples = std::move(samples),
                      .voice_start = position_of(segment.first_voice),
                      .voice_end = voice_end,
                      .reason = reason});
    marks_.push_back(speech_ended{to_ms(voice_end)});
  } else {
    samples_.erase(samples_.begin(), samples_.begin() + static_cast<std::ptrdiff_t>(count));
  }
  probabilities_.erase(probabilities_.begin(),
                       probabilities_.begin() +
                           static_cast<std::ptrdiff_t>(std::min(windows, probabilities_.size())));
  first_ += static_cast<std::int64_t>(count);
}

void segmenter::drop(std::size_t windows) {
  probabilities_.erase(probabilities_.begin(),
                       probabilities_.begin() + static_cast<std::ptrdiff_t>(windows));
  const std::size_t dropped = std::min(windows * vad_window, samples_.size());
  samples_.erase(samples_.begin(), samples_.begin() + static_cast<std::ptrdiff_t>(dropped));
  first_ += static_cast<std::int64_t>(dropped);
}

std::int64_t segmenter::position_of(std::size_t window) const {
  return first_ + static_cast<std::int64_t>(window * vad_window);
}

}  // namespace duplex::speech
