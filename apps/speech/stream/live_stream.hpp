// One live stream between the loop, which has its audio, and the threads that recognise it.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <duplex/buffer.hpp>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "speech/audio/pcm_decoder.hpp"
#include "speech/recognizer.hpp"
#include "speech/scheduler.hpp"
#include "speech/stream/event.hpp"

namespace duplex::speech {

/// An event, and how old the audio was that it is about.
struct told_event {
  stream_event what;
  /// Since the audio at the event's end came in; of `stream_finished`, since the stop came.
  std::chrono::steady_clock::duration lag = {};
};

/// Takes bytes of audio on one thread, and recognises them in steps on others.
///
/// A step listens to a second of audio at most, decodes one final, or one partial. Finals come
/// before more is listened to: what waits is audio in the queue, which its client can be told of,
/// and never more than a segment that has ended. Partials come last: where there is no time for
/// them they are skipped, and the next covers all that was heard. Until a segment has text, which
/// somebody who begins to speak waits for, they are as urgent as listening, while it is shorter
/// than two seconds.
///
/// Audio that comes faster than it can have been spoken is a recording: beyond half a minute of it
/// the stream goes with the files (`urgency::batch`), so that sending fast pushes nobody aside.
class live_stream final : public schedulable {
 public:
  using clock = std::chrono::steady_clock;
  /// Told what a step gave, at least one event, in order, on the thread of the step. Must not
  /// throw.
  using sink = std::function<void(std::vector<told_event>)>;

  /// Throws `speech_error` with `unsupported_format`.
  live_stream(std::unique_ptr<recognition> recognition, const pcm_format& format,
              std::chrono::milliseconds partials, sink tell,
              std::function<clock::time_point()> now = clock::now);

  /// These are for the thread that has the audio; `scheduler::wake` is to follow each. What waits
  /// costs little more than its audio, however it is cut: beyond a thousand inputs, of flushes with
  /// less than 256 bytes of audio between them only the last is done.
  void put(buffer audio);
  void flush();
  void finish();  ///< Nothing may follow.

  /// A partial is due once so much of the open segment is in none; 0: never.
  void set_partials(std::chrono::milliseconds interval);
  /// Bytes of audio that wait to be listened to. Any thread.
  std::size_t queued_bytes() const;
  /// Of the audio listened to so far. Any thread.
  std::int64_t heard_ms() const { return to_ms(samples_); }

  std::optional<urgency> wants() const noexcept override;
  void step(const std::stop_token& stop) noexcept override;

 private:
  enum class kind { audio, flush, finish };
  struct input {
    kind what = kind::audio;
    buffer audio = {};
    clock::time_point at = {};
    std::size_t taken = 0;  // bytes, by steps before
  };
  struct heard {  // so far, with the audio that came at some moment
    std::int64_t samples = 0;
    std::int64_t bytes = 0;
    clock::time_point at = {};
  };

  void append(buffer audio, clock::time_point at);
  void drop_last_flush();
  void listen(const std::stop_token& stop);
  bool take(std::vector<std::byte>& piece, input& of);
  void hear(std::span<const float> samples, clock::time_point at);
  void tell(stream_event event, clock::time_point since);
  void tell_marks(const std::vector<speech_mark>& marks);
  void tell_progress();
  clock::time_point arrival(std::int64_t ms) const;
  std::int64_t allowance() const;

  sink tell_;
  std::function<clock::time_point()> now_;

  mutable std::mutex mutex_;  // for the queue
  std::deque<input> queue_;
  std::size_t queued_bytes_ = 0;
  std::chrono::milliseconds partials_;

  // What steps alone touch, and `wants` between them.
  pcm_decoder decoder_;
  std::unique_ptr<recognition> recognition_;
  std::deque<heard> heard_;  // of the last minute, oldest first
  std::atomic<std::int64_t> samples_ = 0;
  std::int64_t bytes_ = 0;
  std::int64_t processed_ = 0;  // bytes told
  std::optional<clock::time_point> stopped_;
  bool is_unread_ = false;  // the open segment is young, and no partial of it had text
  bool over_ = false;
  std::vector<told_event> events_;  // of this step
  std::int64_t allowance_;          // samples that may be heard as live ones
  clock::time_point allowance_at_;
};

}  // namespace duplex::speech
