// Audio made for tests: tones, and files of every kind written in memory.
#pragma once

#include <string>
#include <vector>

namespace duplex::speech {

/// A sine of `hertz` and amplitude 0.5.
std::vector<float> tone(double seconds, int rate, double hertz = 440);

struct file_kind {
  int format = 0;  ///< libsndfile's SF_FORMAT_*: container and encoding.
  int rate = 16'000;
  int channels = 1;
};

/// A file with `mono` in every channel. Throws `std::runtime_error` if libsndfile cannot write that
/// kind.
std::string audio_file(const std::vector<float>& mono, const file_kind& kind);

/// A WAV file of 16-bit PCM at 16 kHz, mono.
std::string wav_file(const std::vector<float>& samples);

/// How strongly a frequency is there: the amplitude of its sine in `samples`.
double amplitude_at(const std::vector<float>& samples, int rate, double hertz);

}  // namespace duplex::speech
