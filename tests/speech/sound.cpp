#include "sound.hpp"

#include <sndfile.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <numbers>
#include <stdexcept>

namespace duplex::speech {
namespace {

// libsndfile's view of a string that grows as it is written.
struct growing_file {
  std::string bytes;
  std::size_t position = 0;

  static growing_file& self(void* user) { return *static_cast<growing_file*>(user); }
  static sf_count_t length(void* user) { return static_cast<sf_count_t>(self(user).bytes.size()); }
  static sf_count_t tell(void* user) { return static_cast<sf_count_t>(self(user).position); }
  static sf_count_t seek(sf_count_t offset, int whence, void* user) {
    const sf_count_t origin = whence == SEEK_SET   ? 0
                              : whence == SEEK_CUR ? tell(user)
                                                   : length(user);
    self(user).position = static_cast<std::size_t>(origin + offset);
    return tell(user);
  }
  static sf_count_t read(void* to, sf_count_t count, void* user) {
    auto& [bytes, position] = self(user);
    const std::size_t copied =
        position < bytes.size()
            ? bytes.copy(static_cast<char*>(to), static_cast<std::size_t>(count), position)
            : 0;
    position += copied;
    return static_cast<sf_count_t>(copied);
  }
  static sf_count_t write(const void* from, sf_count_t count, void* user) {
    auto& [bytes, position] = self(user);
    const auto size = static_cast<std::size_t>(count);
    bytes.resize(std::max(bytes.size(), position + size));
    bytes.replace(position, size, static_cast<const char*>(from), size);
    position += size;
    return count;
  }
};

}  // namespace

std::vector<float> tone(double seconds, int rate, double hertz) {
  std::vector<float> samples(static_cast<std::size_t>(seconds * rate));
  for (std::size_t i = 0; i < samples.size(); ++i) {
    samples[i] = static_cast<float>(
        0.5 * std::sin(2 * std::numbers::pi * hertz * static_cast<double>(i) / rate));
  }
  return samples;
}

std::string audio_file(const std::vector<float>& mono, const file_kind& kind) {
  growing_file memory;
  SF_VIRTUAL_IO io{growing_file::length, growing_file::seek, growing_file::read,
                   growing_file::write, growing_file::tell};
  SF_INFO info{};
  info.format = kind.format;
  info.samplerate = kind.rate;
  info.channels = kind.channels;
  SNDFILE* file = sf_open_virtual(&io, SFM_WRITE, &info, &memory);
  if (file == nullptr) throw std::runtime_error(sf_strerror(nullptr));
  std::vector<float> frames;
  for (const float sample : mono)
    frames.insert(frames.end(), static_cast<std::size_t>(kind.channels), sample);
  sf_writef_float(file, frames.data(), static_cast<sf_count_t>(mono.size()));
  sf_close(file);
  return memory.bytes;
}

std::string wav_file(const std::vector<float>& samples) {
  return audio_file(samples, {.format = SF_FORMAT_WAV | SF_FORMAT_PCM_16});
}

double amplitude_at(const std::vector<float>& samples, int rate, double hertz) {
  double sine = 0;
  double cosine = 0;
  for (std::size_t i = 0; i < samples.size(); ++i) {
    const double phase = 2 * std::numbers::pi * hertz * static_cast<double>(i) / rate;
    sine += samples[i] * std::sin(phase);
    cosine += samples[i] * std::cos(phase);
  }
  return 2 * std::hypot(sine, cosine) /
         static_cast<double>(std::max<std::size_t>(samples.size(), 1));
}

}  // namespace duplex::speech
