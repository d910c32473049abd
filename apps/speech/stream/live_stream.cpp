#include "speech/stream/live_stream.hpp"

#include <algorithm>
#include <exception>
#include <utility>

namespace duplex::speech {
namespace {

using std::chrono::milliseconds;

constexpr std::int64_t to_samples(milliseconds time) { return time.count() * sample_rate / 1000; }

// Listening to a second takes about ten milliseconds.
constexpr std::int64_t samples_of_a_step = sample_rate;
// Of any format: small enough that the samples of a piece are few, and where a step ends is exact.
constexpr std::size_t bytes_of_a_piece = 4096;

// So many inputs may wait as they came. Beyond them flushes cost no more than the audio: they have
// so many bytes between them, eight milliseconds at 16 kHz.
constexpr std::size_t inputs_as_they_came = 1000;
constexpr std::size_t bytes_between_flushes = 256;

// How far audio may run ahead of the clock; paid back at the speed at which it is spoken, as the
// clock gives twice that.
constexpr std::int64_t most_ahead = to_samples(std::chrono::seconds(30));

// A model that has made nothing of so much speech may never make something of it.
constexpr milliseconds hopeful{2000};

constexpr std::int64_t remembered = to_samples(std::chrono::seconds(60));
constexpr std::int64_t grain = to_samples(milliseconds(50));  // of what is remembered

}  // namespace

live_stream::live_stream(std::unique_ptr<recognition> recognition, const pcm_format& format,
                         milliseconds partials, sink tell, std::function<clock::time_point()> now)
    : tell_(std::move(tell)),
      now_(std::move(now)),
      partials_(partials),
      decoder_(format),
      recognition_(std::move(recognition)),
      allowance_(most_ahead),
      allowance_at_(now_()) {}

void live_stream::put(buffer audio) {
  const std::lock_guard lock(mutex_);
  queued_bytes_ += audio.size();
  append(std::move(audio), now_());
}

void live_stream::flush() {
  const std::lock_guard lock(mutex_);
  drop_last_flush();
  queue_.push_back({.what = kind::flush, .at = now_()});
}

void live_stream::finish() {
  const std::lock_guard lock(mutex_);
  queue_.push_back({.what = kind::finish, .at = now_()});
}

// Messages of a few bytes are kept for what they hold, not each with its own overhead.
void live_stream::append(buffer audio, clock::time_point at) {
  if (!queue_.empty() && queue_.back().what == kind::audio &&
      queue_.back().audio.size() + audio.size() <= bytes_of_a_piece) {
    queue_.back().audio.append(audio.bytes());
  } else if (!audio.empty()) {
    queue_.push_back({.what = kind::audio, .audio = std::move(audio), .at = at});
  }
}

// A flush that little follows gives way to the one that comes, where too many wait.
void live_stream::drop_last_flush() {
  if (queue_.size() < inputs_as_they_came) return;
  if (queue_.back().what == kind::flush) return queue_.pop_back();
  if (queue_[queue_.size() - 2].what != kind::flush) return;
  if (queue_.back().audio.size() >= bytes_between_flushes) return;
  input after = std::move(queue_.back());
  queue_.pop_back();
  queue_.pop_back();
  append(std::move(after.audio), after.at);
}

void live_stream::set_partials(milliseconds interval) {
  const std::lock_guard lock(mutex_);
  partials_ = interval;
}

std::size_t live_stream::queued_bytes() const {
  const std::lock_guard lock(mutex_);
  return queued_bytes_;
}

std::optional<urgency> live_stream::wants() const noexcept {
  if (over_) return std::nullopt;
  const bool live = allowance() > 0;
  if (recognition_->has_final()) return live ? urgency::final : urgency::batch;
  const std::lock_guard lock(mutex_);
  if (!queue_.empty()) return live ? urgency::listen : urgency::batch;
  const std::int64_t interval = to_samples(partials_);
  if (interval <= 0 || !recognition_->partial_due(interval)) return std::nullopt;
  return live && is_unread_ ? urgency::first : urgency::partial;
}

void live_stream::step(const std::stop_token& stop) noexcept {
  const bool listens = [&] {
    const std::lock_guard lock(mutex_);
    return !queue_.empty();
  }();
  try {
    if (recognition_->has_final()) {
      auto final = recognition_->decode_final(stop);
      const auto since = arrival(final.end_ms);
      tell(std::move(final), since);
    } else if (listens) {
      listen(stop);
    } else {
      auto partial = recognition_->decode_partial(stop);
      const auto since = arrival(partial.end_ms);
      const std::int64_t length = partial.end_ms - partial.start_ms;
      if (!partial.text.empty() || length >= hopeful.count()) is_unread_ = false;
      tell(std::move(partial), since);
    }
    tell_progress();
    if (stopped_ && !recognition_->has_final()) {
      tell(stream_finished{to_ms(samples_)}, *stopped_);
      over_ = true;
    }
  } catch (const speech_error& error) {
    over_ = true;
    if (error.code() != error_code::cancelled)
      tell(stream_failed{error.code(), error.what()}, now_());
  } catch (const std::exception& error) {
    over_ = true;
    tell(stream_failed{error_code::engine_failed, error.what()}, now_());
  }
  if (!events_.empty()) tell_(std::exchange(events_, {}));
}

// As much of the queue as makes a step; a segment's end is one too.
void live_stream::listen(const std::stop_token& stop) {
  std::vector<std::byte> piece;
  const std::int64_t begin = samples_;
  const auto goes_on = [&] {
    return !stop.stop_requested() && !stopped_ && !recognition_->has_final() &&
           samples_ - begin < samples_of_a_step;
  };
  for (input next; goes_on() && take(piece, next);) {
    switch (next.what) {
      case kind::audio:
        bytes_ += static_cast<std::int64_t>(piece.size());
        hear(decoder_.decode(piece), next.at);
        break;
      case kind::flush:
        tell_marks(recognition_->flush());
        break;
      case kind::finish:
        hear(decoder_.finish(), next.at);
        tell_marks(recognition_->finish());
        stopped_ = next.at;
        break;
    }
  }
  allowance_ = std::max(allowance() - (samples_ - begin), -most_ahead);
  allowance_at_ = now_();
}

// The next piece of the queue's audio, or the next input of another kind. False: there is none.
bool live_stream::take(std::vector<std::byte>& piece, input& of) {
  const std::lock_guard lock(mutex_);
  if (queue_.empty()) return false;
  input& first = queue_.front();
  of.what = first.what;
  of.at = first.at;
  const auto left = first.audio.bytes().subspan(first.taken);
  const auto taken = left.first(std::min(left.size(), bytes_of_a_piece));
  piece.assign(taken.begin(), taken.end());
  first.taken += taken.size();
  queued_bytes_ -= taken.size();
  if (first.taken == first.audio.size()) queue_.pop_front();
  return true;
}

void live_stream::hear(std::span<const float> samples, clock::time_point at) {
  const auto last_began = heard_.size() < 2 ? 0 : heard_[heard_.size() - 2].samples;
  if (heard_.empty() || samples_ - last_began >= grain) heard_.emplace_back();
  samples_ += static_cast<std::int64_t>(samples.size());
  heard_.back() = {samples_, bytes_, at};
  while (heard_.front().samples < samples_ - remembered) heard_.pop_front();
  tell_marks(recognition_->accept(samples));
}

std::int64_t live_stream::allowance() const {
  const auto passed = std::chrono::duration_cast<milliseconds>(now_() - allowance_at_);
  return std::min(allowance_ + 2 * to_samples(passed), most_ahead);
}

// When the sample at that time of the stream came in.
live_stream::clock::time_point live_stream::arrival(std::int64_t ms) const {
  const std::int64_t sample = to_samples(milliseconds(ms));
  const auto found = std::ranges::lower_bound(heard_, sample, {}, &heard::samples);
  return found == heard_.end() ? now_() : found->at;
}

void live_stream::tell(stream_event event, clock::time_point since) {
  events_.push_back({std::move(event), now_() - since});
}

void live_stream::tell_marks(const std::vector<speech_mark>& marks) {
  for (const speech_mark& mark : marks) {
    is_unread_ = std::holds_alternative<speech_started>(mark);
    std::visit([this](const auto& each) { tell(each, arrival(each.at_ms)); }, mark);
  }
}

void live_stream::tell_progress() {
  const std::int64_t settled = recognition_->settled();
  const auto after = std::ranges::upper_bound(heard_, settled, {}, &heard::samples);
  if (after == heard_.begin()) return;
  const heard& last = *std::prev(after);
  if (last.bytes <= processed_) return;
  processed_ = last.bytes;
  tell(audio_processed{processed_}, last.at);
}

}  // namespace duplex::speech
