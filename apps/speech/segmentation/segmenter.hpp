// Cuts a stream of audio into stretches of speech short enough to be decoded whole.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "speech/recognizer.hpp"
#include "speech/segmentation/voice_activity.hpp"

namespace duplex::speech {

/// All lengths are in windows of 32 ms (`vad_window`).
struct segmenter_options {
  float voice_threshold = 0.3F;  ///< A window at least this likely to hold speech begins a segment.
  float silence_threshold = 0.2F;  ///< Below it a window counts as silence inside a segment.
  std::size_t preroll = 13;        ///< Real audio kept before speech: 0.42 s.
  std::size_t hangover = 13;       ///< The same after it, as far as `silence` reaches.
  std::size_t silence = 25;        ///< Silence that ends a segment: 0.8 s.
  std::size_t youth = 250;         ///< A segment younger than this (8 s) waits longer:
  std::size_t patience = 22;       ///<   by 0.7 s.
  std::size_t longest = 625;       ///< A segment never grows beyond this: 20 s.
  std::size_t cut_range = 312;  ///< What reaches it is cut at its quietest window of the last 10 s.
  std::size_t shortest = 2;     ///< Speech of fewer windows than this is taken for a click.
};

/// What a stream's options are in windows. Throws as `check(const stream_options&)`.
segmenter_options segmentation_of(const stream_options& options);

/// A stretch of speech. Samples are counted from the start of the stream.
struct audio_segment {
  std::int64_t number = 0;
  std::int64_t start = 0;        ///< Position of `samples[0]`.
  std::vector<float> samples;    ///< Padded.
  std::int64_t voice_start = 0;  ///< Where speech was heard: inside `samples`.
  std::int64_t voice_end = 0;
  end_reason reason = end_reason::silence;
};

/// The segment that is being spoken, as an `audio_segment` is that has ended.
struct unfinished_segment {
  std::int64_t number = 0;
  std::span<const float> samples;  ///< Without the silence at its end; valid until the next call.
  std::int64_t lead = 0;           ///< So many of them are from before speech was heard.
  std::size_t certain = 0;         ///< So many of them will be in it however it ends.
  std::int64_t voice_start = 0;
  std::int64_t voice_end = 0;
};

/// Segments come in order, do not overlap, and together hold every window judged to be speech. A
/// segment that reaches its longest is cut at the quietest window of its last `cut_range`, and the
/// next begins exactly there.
///
/// Holds at most `longest` windows of audio, however long the stream, besides the segments that
/// have ended and were not taken. Not thread-safe.
class segmenter {
 public:
  explicit segmenter(std::unique_ptr<voice_activity> activity, segmenter_options options = {});

  /// Takes the next samples, any number. Returns where segments began and ended, in turn.
  std::vector<speech_mark> accept(std::span<const float> samples);

  /// Ends the open segment, with all samples so far unless silence is between.
  std::vector<speech_mark> flush();

  /// Ends the stream. Only `take` and `reset` may follow.
  std::vector<speech_mark> finish();

  /// The segments that have ended, to be taken from the front.
  std::deque<audio_segment>& ended() { return ended_; }
  const std::deque<audio_segment>& ended() const { return ended_; }

  /// The open segment; none while all that was heard may be a click.
  std::optional<unfinished_segment> open() const;

  /// The number of samples of the stream so far.
  std::int64_t position() const;

  void reset();

 private:
  // Windows are counted from the first one held, where an open segment always begins.
  struct open_segment {
    std::size_t first_voice = 0;
    std::size_t last_voice = 0;
    std::size_t voiced = 0;  // windows at or above the voice threshold
  };

  void judge(std::span<const float, vad_window> window);
  void open_at(std::size_t window);
  void extend(std::size_t window, float probability);
  void cut();
  void end_now(end_reason reason);
  void end(std::size_t count, end_reason reason);
  void drop(std::size_t windows);
  bool is_speech(const open_segment& segment) const { return segment.voiced >= options_.shortest; }
  std::int64_t position_of(std::size_t window) const;

  std::unique_ptr<voice_activity> activity_;
  segmenter_options options_;
  std::vector<float> samples_;        // whole windows, and what has come of the next
  std::vector<float> probabilities_;  // of the windows in samples_
  std::int64_t first_ = 0;            // position of samples_[0] in the stream
  std::int64_t count_ = 0;            // segments begun so far
  std::optional<open_segment> segment_;
  std::deque<audio_segment> ended_;
  std::vector<speech_mark> marks_;  // since the last call
};

}  // namespace duplex::speech
