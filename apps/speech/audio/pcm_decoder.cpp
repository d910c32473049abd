#include "speech/audio/pcm_decoder.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <climits>
#include <cstdint>
#include <cstring>
#include <string>

#include "speech/error.hpp"

namespace duplex::speech {
namespace {

template <class Unsigned, std::size_t Size>
Unsigned little_endian(std::span<const std::byte, Size> bytes) {
  Unsigned value = 0;
  for (std::size_t i = 0; i < Size; ++i) {
    value |= static_cast<Unsigned>(static_cast<Unsigned>(bytes[i]) << (8 * i));
  }
  return value;
}

float read_u8(std::span<const std::byte, 1> bytes) {
  return static_cast<float>(std::to_integer<int>(bytes[0]) - 128) / 128.0F;
}

float read_s16(std::span<const std::byte, 2> bytes) {
  return static_cast<float>(static_cast<std::int16_t>(little_endian<std::uint16_t>(bytes))) /
         32768.0F;
}

float read_s24(std::span<const std::byte, 3> bytes) {
  const auto above = static_cast<std::int32_t>(little_endian<std::uint32_t>(bytes) << 8);
  return static_cast<float>(above) / 2147483648.0F;
}

float read_s32(std::span<const std::byte, 4> bytes) {
  return static_cast<float>(static_cast<std::int32_t>(little_endian<std::uint32_t>(bytes))) /
         2147483648.0F;
}

float read_f32(std::span<const std::byte, 4> bytes) {
  return std::bit_cast<float>(little_endian<std::uint32_t>(bytes));
}

float read_f64(std::span<const std::byte, 8> bytes) {
  const auto value = std::bit_cast<double>(little_endian<std::uint64_t>(bytes));
  return static_cast<float>(std::clamp(value, -1.0, 1.0));  // no float holds all of them
}

// ITU-T G.711: a sign, three bits of exponent, four of mantissa; mu-law's are inverted, A-law's
// every other one.
constexpr float mulaw_sample(unsigned code) {
  code = ~code & 0xFF;
  const int magnitude = static_cast<int>(((code & 0x0F) << 3 | 0x84) << (code >> 4 & 7)) - 0x84;
  return static_cast<float>((code & 0x80) != 0 ? -magnitude : magnitude) / 32768.0F;
}

constexpr float alaw_sample(unsigned code) {
  code ^= 0x55;
  const unsigned exponent = code >> 4 & 7;
  const unsigned mantissa = (code & 0x0F) << 4 | 8;
  const int magnitude =
      static_cast<int>(exponent == 0 ? mantissa : (mantissa | 0x100) << (exponent - 1));
  return static_cast<float>((code & 0x80) != 0 ? magnitude : -magnitude) / 32768.0F;
}

template <float (*Sample)(unsigned)>
float read_g711(std::span<const std::byte, 1> bytes) {
  static constexpr auto table = [] {
    std::array<float, 256> samples{};
    for (unsigned code = 0; code < 256; ++code) samples[code] = Sample(code);
    return samples;
  }();
  return table[std::to_integer<std::size_t>(bytes[0])];
}

template <std::size_t Size, float (*Read)(std::span<const std::byte, Size>)>
void read_each(std::span<const std::byte> bytes, std::span<float> samples) {
  for (std::size_t i = 0; i < samples.size(); ++i) {
    samples[i] = Read(bytes.subspan(i * Size).first<Size>());
  }
}

struct mark {
  std::size_t at;
  std::string_view bytes;
  std::string_view name;
};

constexpr mark marks[] = {
    {0, "fLaC", "FLAC"},   {0, "OggS", "Ogg"},
    {0, "ID3\x02", "MP3"}, {0, "ID3\x03", "MP3"},
    {0, "ID3\x04", "MP3"}, {0, "\x1A\x45\xDF\xA3", "WebM or Matroska"},
    {4, "ftyp", "MP4"},    {0, "FORM", "AIFF"},
    {0, "caff", "CAF"},    {0, ".snd", "AU"},
    {0, "#!AMR", "AMR"},   {0, "RIFX", "big-endian WAV"},
    {0, "RF64", "RF64"},   {0, "RIFF", "RIFF without WAVE"},
};

bool stands_at(std::span<const std::byte> bytes, std::size_t at, std::string_view mark) {
  return bytes.size() >= at + mark.size() &&
         std::memcmp(bytes.data() + at, mark.data(), mark.size()) == 0;
}

bool is_wav(std::span<const std::byte> start) {
  return stands_at(start, 0, "RIFF") && stands_at(start, 8, "WAVE");
}

}  // namespace

std::string_view foreign_container(std::span<const std::byte> start) {
  if (start.size() < container_mark_size || is_wav(start)) return {};
  for (const auto& [at, bytes, name] : marks) {
    if (stands_at(start, at, bytes)) return name;
  }
  return {};
}

pcm_decoder::layout pcm_decoder::layout_of(pcm_encoding encoding) {
  switch (encoding) {
    case pcm_encoding::automatic:
    case pcm_encoding::s16le:
      return {2, read_each<2, read_s16>};
    case pcm_encoding::f32le:
      return {4, read_each<4, read_f32>};
    case pcm_encoding::mulaw:
      return {1, read_each<1, read_g711<mulaw_sample>>};
    case pcm_encoding::alaw:
      break;
  }
  return {1, read_each<1, read_g711<alaw_sample>>};
}

pcm_decoder::layout pcm_decoder::layout_of(const wav_header& header) {
  constexpr unsigned pcm = 1, real = 3, alaw = 6, mulaw = 7;
  const auto is = [&](unsigned format, unsigned bits) {
    return header.format() == format && header.bits() == bits;
  };
  if (is(pcm, 8)) return {1, read_each<1, read_u8>};
  if (is(pcm, 16)) return layout_of(pcm_encoding::s16le);
  if (is(pcm, 24)) return {3, read_each<3, read_s24>};
  if (is(pcm, 32)) return {4, read_each<4, read_s32>};
  if (is(real, 32)) return layout_of(pcm_encoding::f32le);
  if (is(real, 64)) return {8, read_each<8, read_f64>};
  if (is(alaw, 8)) return layout_of(pcm_encoding::alaw);
  if (is(mulaw, 8)) return layout_of(pcm_encoding::mulaw);
  throw speech_error(error_code::unsupported_format,
                     "WAV of format " + std::to_string(header.format()) + " with " +
                         std::to_string(header.bits()) +
                         " bits is neither PCM, float, A-law nor mu-law");
}

pcm_decoder::pcm_decoder(const pcm_format& format) : format_(format) {
  check(format);
  if (format.encoding != pcm_encoding::automatic) {
    begin(layout_of(format.encoding), format.rate, format.channels);
  }
}

std::span<const float> pcm_decoder::decode(std::span<const std::byte> bytes) {
  std::vector<std::byte> start;
  if (stage_ == stage::identifying) {
    held_.insert(held_.end(), bytes.begin(), bytes.end());
    if (!identify()) return {};
    start.swap(held_);
    bytes = start;
  }
  if (stage_ == stage::header && !read_header(bytes)) return {};
  return decode_frames(bytes);
}

std::span<const float> pcm_decoder::finish() {
  if (stage_ == stage::header) {
    throw speech_error(error_code::bad_audio, "WAV header is not whole");
  }
  if (stage_ == stage::audio) return converter_->finish();
  // Too short for any file.
  begin(layout_of(pcm_encoding::s16le), format_.rate, format_.channels);
  std::vector<std::byte> start;
  start.swap(held_);
  const auto samples = decode_frames(start);
  std::vector<float> all(samples.begin(), samples.end());
  const auto rest = converter_->finish();
  all.insert(all.end(), rest.begin(), rest.end());
  samples_.swap(all);
  return samples_;
}

std::int64_t pcm_decoder::missing_ms() const {
  if (!left_) return 0;
  return static_cast<std::int64_t>(*left_ / (layout_.size * channels_)) * 1000 / header_.rate();
}

// False: more bytes are needed.
bool pcm_decoder::identify() {
  if (held_.size() < container_mark_size) return false;
  if (is_wav(held_)) {
    stage_ = stage::header;
  } else if (const auto container = foreign_container(held_); !container.empty()) {
    throw speech_error(error_code::unsupported_format, "a stream that begins as " +
                                                           std::string(container) +
                                                           ": only WAV and raw PCM are streamed");
  } else {
    begin(layout_of(pcm_encoding::s16le), format_.rate, format_.channels);
  }
  return true;
}

bool pcm_decoder::read_header(std::span<const std::byte>& bytes) {
  switch (header_.take(bytes)) {
    case wav_header::status::incomplete:
      return false;
    case wav_header::status::bad:
      throw speech_error(error_code::bad_audio, header_.problem());
    case wav_header::status::complete:
      break;
  }
  const auto rate = static_cast<int>(std::min<std::uint32_t>(header_.rate(), INT_MAX));
  const auto channels = static_cast<int>(header_.channels());
  check_frames(rate, channels, error_code::unsupported_format);
  left_ = header_.audio_size();
  begin(layout_of(header_), rate, channels);
  return true;
}

void pcm_decoder::begin(const layout& samples, int rate, int channels) {
  layout_ = samples;
  channels_ = static_cast<std::size_t>(channels);
  converter_.emplace(rate, channels);
  stage_ = stage::audio;
}

std::span<const float> pcm_decoder::decode_frames(std::span<const std::byte> bytes) {
  if (left_) {
    bytes = bytes.first(std::min(bytes.size(), *left_));
    *left_ -= bytes.size();
  }
  const std::size_t frame = layout_.size * channels_;
  samples_.resize((held_.size() + bytes.size()) / frame * channels_);
  auto samples = std::span(samples_);
  if (!held_.empty()) {
    const auto missing = bytes.first(std::min(bytes.size(), frame - held_.size()));
    held_.insert(held_.end(), missing.begin(), missing.end());
    bytes = bytes.subspan(missing.size());
    if (held_.size() < frame) return {};
    layout_.read(held_, samples.first(channels_));
    samples = samples.subspan(channels_);
  }
  layout_.read(bytes, samples);
  bytes = bytes.subspan(samples.size() * layout_.size);
  held_.assign(bytes.begin(), bytes.end());
  return converter_->convert(samples_);
}

}  // namespace duplex::speech
