// The question the segmenter asks of every 32 ms of audio: is somebody speaking?
#pragma once

#include <cstddef>
#include <span>

namespace duplex::speech {

/// Samples at 16 kHz that are judged together: 32 ms.
inline constexpr std::size_t vad_window = 512;

/// Voice-activity detection over one stream. Not thread-safe.
class voice_activity {
 public:
  virtual ~voice_activity() = default;

  /// How likely it is, in [0, 1], that the stream's next window holds speech.
  virtual float probability(std::span<const float, vad_window> window) = 0;

  /// Forgets the stream so far.
  virtual void reset() = 0;
};

}  // namespace duplex::speech
