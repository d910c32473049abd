#include "speech/audio/reader.hpp"

#include <sndfile.h>
#include <soxr.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "speech/error.hpp"
#include "speech/recognizer.hpp"

namespace duplex::speech {
namespace {

constexpr int lowest_rate = 8'000;
constexpr int highest_rate = 192'000;
constexpr int most_channels = 8;

[[noreturn]] void refuse(const std::string& message) {
  throw speech_error(error_code::bad_audio, message);
}

std::uint32_t little_endian(std::span<const std::byte> bytes, std::size_t at) {
  std::uint32_t value = 0;
  for (std::size_t i = 4; i-- > 0;)
    value = value << 8 | std::to_integer<std::uint32_t>(bytes[at + i]);
  return value;
}

bool stands_at(std::span<const std::byte> bytes, std::size_t at, std::string_view name) {
  return std::memcmp(bytes.data() + at, name.data(), 4) == 0;
}

// Where a WAV file says that it has no audio although some follows: the place of the data's size.
// Programs that write to a pipe leave it at 0, and the size of the whole (RIFF) as it was before
// the audio.
std::optional<std::size_t> unwritten_size(std::span<const std::byte> file) {
  constexpr std::size_t riff_header = 12;
  constexpr std::size_t chunk_header = 8;
  if (file.size() < riff_header || !stands_at(file, 0, "RIFF") || !stands_at(file, 8, "WAVE"))
    return std::nullopt;
  for (std::size_t at = riff_header; at + chunk_header <= file.size();) {
    const std::size_t size = little_endian(file, at + 4);
    if (stands_at(file, at, "data")) {
      const bool is_outside = std::size_t{little_endian(file, 4)} + 8 <= at + chunk_header;
      return size == 0 && is_outside ? std::optional(at + 4) : std::nullopt;
    }
    at += chunk_header + size + size % 2;
  }
  return std::nullopt;
}

// libsndfile's view of bytes in memory. It believes a size of 0, so that an unwritten one is shown
// as the largest, which it corrects.
struct memory_file {
  std::span<const std::byte> bytes;
  std::optional<std::size_t> unwritten = unwritten_size(bytes);
  sf_count_t position = 0;

  static memory_file& self(void* user) { return *static_cast<memory_file*>(user); }

  static sf_count_t length(void* user) { return static_cast<sf_count_t>(self(user).bytes.size()); }

  static sf_count_t seek(sf_count_t offset, int whence, void* user) {
    const sf_count_t origin = whence == SEEK_SET   ? 0
                              : whence == SEEK_CUR ? self(user).position
                                                   : length(user);
    return self(user).position = std::clamp<sf_count_t>(origin + offset, 0, length(user));
  }

  static sf_count_t read(void* to, sf_count_t count, void* user) {
    auto& [bytes, unwritten, position] = self(user);
    count = std::clamp<sf_count_t>(count, 0, length(user) - position);
    const auto from = static_cast<std::size_t>(position);
    const auto size = static_cast<std::size_t>(count);
    std::memcpy(to, bytes.data() + from, size);
    for (std::size_t i = 0; unwritten && i < 4; ++i) {
      const std::size_t at = *unwritten + i;
      if (at >= from && at < from + size) static_cast<unsigned char*>(to)[at - from] = 0xFF;
    }
    position += count;
    return count;
  }

  static sf_count_t tell(void* user) { return self(user).position; }
};

}  // namespace

// The file's own frames, mixed down to one channel.
class audio_reader::file {
 public:
  explicit file(std::span<const std::byte> bytes) : memory_{bytes} {
    SF_VIRTUAL_IO io{memory_file::length, memory_file::seek, memory_file::read, nullptr,
                     memory_file::tell};
    handle_.reset(sf_open_virtual(&io, SFM_READ, &info_, &memory_));
    if (handle_ == nullptr) refuse("not an audio file that can be read: " + reason());
    if (info_.samplerate < lowest_rate || info_.samplerate > highest_rate) {
      refuse("sample rate " + std::to_string(info_.samplerate) + " Hz is outside " +
             std::to_string(lowest_rate) + " to " + std::to_string(highest_rate) + " Hz");
    }
    if (info_.channels > most_channels) {
      refuse(std::to_string(info_.channels) + " channels are more than " +
             std::to_string(most_channels));
    }
    frames_.resize(static_cast<std::size_t>(info_.samplerate) *
                   static_cast<std::size_t>(info_.channels));
    mono_.resize(static_cast<std::size_t>(info_.samplerate));
  }

  // About a second; empty at the end.
  std::span<const float> read() {
    const sf_count_t count = sf_readf_float(handle_.get(), frames_.data(), info_.samplerate);
    const auto channels = static_cast<std::size_t>(info_.channels);
    const auto size = static_cast<std::size_t>(std::max<sf_count_t>(count, 0));
    for (std::size_t i = 0; i < size; ++i) {
      float sum = 0;
      for (std::size_t c = 0; c < channels; ++c) sum += frames_[i * channels + c];
      const float sample = sum / static_cast<float>(channels);
      mono_[i] = std::isfinite(sample) ? std::clamp(sample, -1.0F, 1.0F) : 0.0F;
    }
    return std::span(mono_).first(size);
  }

  const SF_INFO& info() const { return info_; }

 private:
  struct closer {
    void operator()(SNDFILE* handle) const { sf_close(handle); }
  };

  static std::string reason() {
    std::string text = sf_strerror(nullptr);
    while (!text.empty() && (text.back() == '.' || text.back() == '\n')) text.pop_back();
    return text;
  }

  memory_file memory_;
  SF_INFO info_{};
  std::unique_ptr<SNDFILE, closer> handle_;
  std::vector<float> frames_;
  std::vector<float> mono_;
};

class audio_reader::resampler {
 public:
  explicit resampler(int rate) {
    soxr_error_t error = nullptr;
    handle_.reset(soxr_create(rate, sample_rate, 1, &error, nullptr, nullptr, nullptr));
    if (error != nullptr) refuse(std::string("cannot resample: ") + soxr_strerror(error));
  }

  // What the samples make possible; it runs a little behind. None: the end, whatever is left.
  std::span<const float> process(std::span<const float> samples) {
    constexpr std::size_t step = sample_rate;
    const bool is_end = samples.empty();
    out_.clear();
    std::size_t made = 0;
    do {
      const std::size_t before = out_.size();
      out_.resize(before + step);
      std::size_t used = 0;
      const soxr_error_t error =
          soxr_process(handle_.get(), is_end ? nullptr : samples.data(), samples.size(), &used,
                       out_.data() + before, step, &made);
      if (error != nullptr) refuse(std::string("cannot resample: ") + soxr_strerror(error));
      out_.resize(before + made);
      samples = samples.subspan(used);
    } while (made == step);  // there was room left: it has taken all
    for (float& sample : out_) sample = std::clamp(sample, -1.0F, 1.0F);  // filters overshoot
    return out_;
  }

 private:
  struct deleter {
    void operator()(soxr_t handle) const { soxr_delete(handle); }
  };

  std::unique_ptr<soxr, deleter> handle_;
  std::vector<float> out_;
};

audio_reader::audio_reader(std::span<const std::byte> bytes) {
  if (bytes.empty()) refuse("audio is empty");
  file_ = std::make_unique<file>(bytes);
  if (rate() != sample_rate) resampler_ = std::make_unique<resampler>(rate());
}

audio_reader::~audio_reader() = default;

std::span<const float> audio_reader::next() {
  for (;;) {
    const auto samples = file_->read();
    if (samples.empty() && is_empty_) refuse("audio is empty");
    is_empty_ = false;
    if (!resampler_) return samples;
    const auto resampled = resampler_->process(samples);
    if (!resampled.empty() || samples.empty()) return resampled;
  }
}

int audio_reader::rate() const { return file_->info().samplerate; }

int audio_reader::channels() const { return file_->info().channels; }

}  // namespace duplex::speech
