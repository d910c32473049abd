#include "speech/session/audio_window.hpp"

namespace duplex::speech {
namespace {

std::int64_t bytes_a_second(const pcm_format& format) {
  const std::int64_t samples = std::int64_t{format.rate} * format.channels;
  switch (format.encoding) {
    case pcm_encoding::s16le:
      return 2 * samples;
    case pcm_encoding::f32le:
      return 4 * samples;
    case pcm_encoding::mulaw:
    case pcm_encoding::alaw:
      return samples;
    case pcm_encoding::automatic:
      break;
  }
  constexpr std::int64_t stereo_at_48_kHz = 192'000;  // what a WAV header may well say
  return std::max(2 * samples, stereo_at_48_kHz);
}

}  // namespace

audio_window::audio_window(const pcm_format& format, const window_limits& limits)
    : bytes_a_second_(bytes_a_second(format)),
      cap_(std::min(limits.cap.count() * bytes_a_second_ / 1000, limits.cap_bytes)) {
  window_ = cap_ * limits.window.count() / limits.cap.count();
}

}  // namespace duplex::speech
