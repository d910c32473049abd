// Writes samples as a WAV file in memory.
#pragma once

#include <span>
#include <string>

namespace duplex::speech {

/// A growing WAV file: mono, 16 kHz, 16-bit PCM.
class wav_writer {
 public:
  /// Appends samples in [-1, 1].
  void write(std::span<const float> samples);

  /// The file's bytes so far, with a header that fits. The writer is empty afterwards.
  std::string take();

 private:
  std::string bytes_;
};

}  // namespace duplex::speech
