#include "speech/audio/wav_header.hpp"

#include <algorithm>
#include <cstring>
#include <string_view>
#include <utility>

namespace duplex::speech {
namespace {

constexpr std::size_t chunk_size = 8;
constexpr std::size_t plain_format = 16;
constexpr std::size_t extensible_format = 40;
constexpr unsigned extensible = 0xFFFE;
// What stands before the audio: notes, cue points, alignment. More is no header.
constexpr std::size_t longest_header = 1 << 20;
// Programs that write to a pipe promise this much or more.
constexpr std::uint32_t unwritten_from = 0x7F000000;

std::uint32_t little_endian(std::span<const std::byte> bytes, std::size_t at, std::size_t size) {
  std::uint32_t value = 0;
  for (std::size_t i = size; i-- > 0;)
    value = value << 8 | std::to_integer<std::uint32_t>(bytes[at + i]);
  return value;
}

bool stands_at(std::span<const std::byte> bytes, std::size_t at, std::string_view name) {
  return std::memcmp(bytes.data() + at, name.data(), name.size()) == 0;
}

}  // namespace

wav_header::status wav_header::take(std::span<const std::byte>& bytes) {
  while (status_ == status::incomplete && !bytes.empty()) {
    if (skip_ > 0) {
      const auto skipped = std::min(skip_, bytes.size());
      skip_ -= skipped;
      bytes = bytes.subspan(skipped);
      continue;
    }
    const auto taken = bytes.first(std::min(wanted_ - held_size_, bytes.size()));
    std::ranges::copy(taken, held_.begin() + static_cast<std::ptrdiff_t>(held_size_));
    held_size_ += taken.size();
    bytes = bytes.subspan(taken.size());
    if (held_size_ == wanted_) read_part();
  }
  return status_;
}

void wav_header::read_part() {
  read_ += std::exchange(held_size_, 0) + rest_;
  skip_ = std::exchange(rest_, 0);
  switch (part_) {
    case part::riff:
      if (!stands_at(held_, 0, "RIFF") || !stands_at(held_, 8, "WAVE")) {
        return refuse("no WAV file");
      }
      riff_size_ = little_endian(held_, 4, 4);
      return expect(part::chunk, chunk_size);
    case part::chunk:
      return read_chunk();
    case part::format:
      return read_format();
  }
}

void wav_header::read_chunk() {
  const std::size_t size = little_endian(held_, 4, 4);
  if (stands_at(held_, 0, "data")) {
    if (!has_format_) return refuse("WAV header without a format");
    // A size of 0 is meant where the file goes on after it.
    const bool goes_on = riff_size_ < unwritten_from && riff_size_ + 8 > read_;
    const bool is_written = size == 0 ? goes_on : size < unwritten_from;
    if (is_written) audio_size_ = static_cast<std::uint32_t>(size);
    status_ = status::complete;
    return;
  }
  const std::size_t padded = size + size % 2;
  if (read_ + padded > longest_header) {
    return refuse("WAV header with " + std::to_string(size) + " bytes before the audio");
  }
  if (stands_at(held_, 0, "fmt ")) {
    if (size < plain_format) {
      return refuse("WAV header with a format of " + std::to_string(size) + " bytes");
    }
    expect(part::format, std::min(size, extensible_format));
    rest_ = padded - wanted_;
    return;
  }
  skip_ = padded;
  read_ += padded;
}

void wav_header::read_format() {
  format_ = little_endian(held_, 0, 2);
  channels_ = little_endian(held_, 2, 2);
  rate_ = little_endian(held_, 4, 4);
  bits_ = little_endian(held_, 14, 2);
  // WAVE_FORMAT_EXTENSIBLE: the format's number begins the sub-format, a GUID.
  if (format_ == extensible && wanted_ == extensible_format) format_ = little_endian(held_, 24, 2);
  has_format_ = true;
  expect(part::chunk, chunk_size);
}

void wav_header::expect(part next, std::size_t size) {
  part_ = next;
  wanted_ = size;
}

void wav_header::refuse(std::string problem) {
  status_ = status::bad;
  problem_ = std::move(problem);
}

}  // namespace duplex::speech
