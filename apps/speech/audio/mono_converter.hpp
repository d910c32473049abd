// Turns frames of any rate and number of channels into the samples that recognisers take.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "speech/error.hpp"

namespace duplex::speech {

/// Throws `speech_error` with `code` that names what is wrong where audio is not of 8 to 192 kHz
/// and 1 to 8 channels.
void check_frames(int rate, int channels, error_code code);

/// One stream on its way to mono float32 in [-1, 1] at 16 kHz: channels are averaged, samples that
/// are no number become 0, those beyond [-1, 1] the nearest in it; soxr resamples.
///
/// What comes out does not depend on how the stream was cut. Resampled, it runs some 40 ms behind
/// what went in, and 120 ms at 8 kHz (measured), which `finish` gives. Not thread-safe.
class mono_converter {
 public:
  /// `rate` in Hz and `channels` as `check_frames` wants them.
  mono_converter(int rate, int channels);
  ~mono_converter();

  mono_converter(mono_converter&&) noexcept;
  mono_converter& operator=(mono_converter&&) noexcept;

  /// Takes whole frames, channel after channel, and gives what they make possible; valid until the
  /// next call.
  std::span<const float> convert(std::span<const float> frames);

  /// The end of the stream: gives what is left. Nothing may follow.
  std::span<const float> finish();

 private:
  class resampler;

  std::size_t channels_;
  std::vector<float> mono_;
  std::unique_ptr<resampler> resampler_;  // none: the stream is at 16 kHz already
};

}  // namespace duplex::speech
