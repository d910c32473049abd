#include "speech/audio/wav_writer.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <utility>

#include "speech/recognizer.hpp"

namespace duplex::speech {
namespace {

constexpr std::size_t header_size = 44;
constexpr int sample_size = 2;

void append_little_endian(std::string& bytes, std::uint32_t value, int size) {
  for (int i = 0; i < size; ++i) bytes.push_back(static_cast<char>(value >> (8 * i)));
}

// "Multimedia Programming Interface and Data Specifications 1.0", Microsoft and IBM, 1991: RIFF,
// fmt, data.
std::string header(std::uint32_t data_size) {
  std::string bytes = "RIFF";
  append_little_endian(bytes, data_size + header_size - 8, 4);
  bytes += "WAVEfmt ";
  append_little_endian(bytes, 16, 4);                         // size of the format
  append_little_endian(bytes, 1, 2);                          // PCM
  append_little_endian(bytes, 1, 2);                          // channels
  append_little_endian(bytes, sample_rate, 4);                // frames a second
  append_little_endian(bytes, sample_rate * sample_size, 4);  // bytes a second
  append_little_endian(bytes, sample_size, 2);                // bytes a frame
  append_little_endian(bytes, sample_size * 8, 2);            // bits a sample
  bytes += "data";
  append_little_endian(bytes, data_size, 4);
  return bytes;
}

}  // namespace

void wav_writer::write(std::span<const float> samples) {
  if (bytes_.empty()) bytes_.assign(header_size, '\0');
  for (const float sample : samples) {
    const auto value = std::lround(std::clamp(sample, -1.0F, 1.0F) * 32767.0F);
    append_little_endian(bytes_, static_cast<std::uint32_t>(value), sample_size);
  }
}

std::string wav_writer::take() {
  if (bytes_.empty()) bytes_.assign(header_size, '\0');
  bytes_.replace(0, header_size, header(static_cast<std::uint32_t>(bytes_.size() - header_size)));
  return std::exchange(bytes_, {});
}

}  // namespace duplex::speech
