// Cuts a stream of audio into stretches of speech short enough to be decoded whole.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "speech/segmentation/voice_activity.hpp"

namespace duplex::speech {

/// All lengths are in windows of 32 ms (`vad_window`).
struct segmenter_options {
  float voice_threshold = 0.3F;  ///< A window at least this likely to hold speech begins a segment.
  float silence_threshold = 0.2F;  ///< Below it a window counts as silence inside a segment.
  std::size_t padding = 13;        ///< Real audio kept before and after speech: 0.42 s.
  std::size_t silence = 25;        ///< Silence that ends a segment: 0.8 s. More than `padding`.
  std::size_t patience =
      250;  ///< A segment younger than this (8 s) waits for `long_silence`: models read
  std::size_t long_silence = 47;  ///<   a few words better together with their neighbours. 1.5 s.
  std::size_t longest = 625;      ///< A segment never grows beyond this: 20 s.
  std::size_t shortest = 2;       ///< Speech of fewer windows than this is taken for a click.
};

/// A stretch of speech. Samples are counted from the start of the stream.
struct audio_segment {
  std::int64_t start = 0;          ///< Position of `samples[0]`.
  std::span<const float> samples;  ///< Padded; valid only during the call that hands it over.
  std::int64_t voice_start = 0;    ///< Where speech was heard: inside `samples`.
  std::int64_t voice_end = 0;
};

/// Segments come in order, do not overlap, and together hold every window judged to be speech. A
/// segment that reaches its longest is cut at the quietest window of its second half, and the next
/// begins exactly there.
///
/// Holds at most `longest` windows of audio, however long the stream. Not thread-safe.
class segmenter {
 public:
  using sink = std::function<void(const audio_segment&)>;

  explicit segmenter(std::unique_ptr<voice_activity> activity, segmenter_options options = {});

  /// Takes the next samples, any number, and hands the segments they complete to `emit`. After an
  /// exception from `emit` only `reset` may be called.
  void accept(std::span<const float> samples, const sink& emit);

  /// Ends the stream: hands over the segment still open, if any.
  void finish(const sink& emit);

  void reset();

 private:
  // Positions are numbers of windows since the start of the stream.
  struct open_segment {
    std::size_t start = 0;
    std::size_t first_voice = 0;
    std::size_t last_voice = 0;
    std::size_t voiced = 0;  // windows at or above the voice threshold
  };

  void judge_last_window(const sink& emit);
  void open(std::size_t window);
  void extend(std::size_t window, float probability, const sink& emit);
  void cut(const sink& emit);
  void hand_over(std::size_t end, const sink& emit);
  void drop_before(std::size_t window);
  std::size_t judged() const { return first_ + probabilities_.size(); }

  std::unique_ptr<voice_activity> activity_;
  segmenter_options options_;
  std::vector<float> samples_;        // from the start of window first_ on
  std::vector<float> probabilities_;  // of the windows judged, from first_ on
  std::size_t first_ = 0;             // the earliest window still held
  std::size_t fill_ = 0;              // zeros that complete the stream's last window
  std::optional<open_segment> segment_;
};

}  // namespace duplex::speech
