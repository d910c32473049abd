#include "speech/audio/reader.hpp"

#include <sndfile.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <climits>
#include <condition_variable>
#include <cstdio>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "speech/audio/vorbis_headers.hpp"
#include "speech/audio/wav_header.hpp"
#include "speech/error.hpp"

namespace duplex::speech {
namespace {

[[noreturn]] void refuse(const std::string& message) {
  throw speech_error(error_code::bad_audio, message);
}

[[noreturn]] void refuse_file(const std::string& why) {
  refuse("not an audio file that can be read: " + why);
}

// The audio of a WAV file, as its header has it.
struct wav_audio {
  std::size_t at = 0;                 // where it begins; the data's size stands before it
  std::optional<std::uint32_t> size;  // none: not written
  double bytes_per_ms = 0;
};

std::optional<wav_audio> find_wav_audio(byte_source& file) {
  wav_header header;
  std::array<std::byte, 1 << 12> block;
  std::size_t read = 0, taken = 0;
  auto now = wav_header::status::incomplete;
  while (now == wav_header::status::incomplete) {
    std::span<const std::byte> rest = std::span(block).first(file.read(read, block));
    if (rest.empty()) return std::nullopt;
    read += rest.size();
    now = header.take(rest);
    taken = read - rest.size();
  }
  if (now == wav_header::status::bad) return std::nullopt;
  const auto rate = static_cast<int>(std::min<std::uint32_t>(header.rate(), INT_MAX));
  check_frames(rate, static_cast<int>(header.channels()), error_code::bad_audio);
  const double bits_per_second = 1.0 * header.rate() * header.channels() * header.bits();
  return wav_audio{taken, header.audio_size(), bits_per_second / 8000};
}

// libsndfile's view of a file. It believes a size of 0, so that an unwritten one is shown as the
// largest, which it corrects.
struct virtual_file {
  byte_source& source;
  std::optional<wav_audio> wav = find_wav_audio(source);
  sf_count_t position = 0;

  static virtual_file& self(void* user) { return *static_cast<virtual_file*>(user); }

  static sf_count_t length(void* user) { return static_cast<sf_count_t>(self(user).source.size()); }

  static sf_count_t seek(sf_count_t offset, int whence, void* user) {
    const sf_count_t origin = whence == SEEK_SET   ? 0
                              : whence == SEEK_CUR ? self(user).position
                                                   : length(user);
    return self(user).position = std::clamp<sf_count_t>(origin + offset, 0, length(user));
  }

  static sf_count_t read(void* to, sf_count_t count, void* user) {
    auto& [source, wav, position] = self(user);
    const auto wanted = static_cast<std::size_t>(std::max<sf_count_t>(count, 0));
    const auto from = static_cast<std::size_t>(position);
    const auto size = source.read(from, std::span(static_cast<std::byte*>(to), wanted));
    for (std::size_t i = 0; wav && !wav->size && i < 4; ++i) {
      const std::size_t at = wav->at - 4 + i;
      if (at >= from && at < from + size) static_cast<unsigned char*>(to)[at - from] = 0xFF;
    }
    position += static_cast<sf_count_t>(size);
    return static_cast<sf_count_t>(size);
  }

  static sf_count_t tell(void* user) { return self(user).position; }
};

// libsndfile has one place for why a file did not open, which every opening writes to. A file may
// take seconds to open: who has waited for one goes on, and does without the reason.
class opening_alone {
 public:
  opening_alone() {
    std::unique_lock lock(mutex_);
    is_alone_ = ended_.wait_for(lock, std::chrono::seconds(1), [] { return !is_taken_; });
    if (is_alone_) is_taken_ = true;
  }
  ~opening_alone() {
    if (!is_alone_) return;
    const std::lock_guard lock(mutex_);
    is_taken_ = false;
    ended_.notify_one();
  }
  opening_alone(const opening_alone&) = delete;
  opening_alone& operator=(const opening_alone&) = delete;

  explicit operator bool() const { return is_alone_; }

 private:
  static inline std::mutex mutex_;  // of the others; one that is timed, Clang's TSan does not know
  static inline std::condition_variable ended_;
  static inline bool is_taken_ = false;
  bool is_alone_;
};

}  // namespace

// The file's own frames.
class audio_reader::file {
 public:
  explicit file(std::unique_ptr<byte_source> source) : source_(std::move(source)) {
    if (!has_sound_vorbis_headers(*source_)) refuse_file("its Vorbis headers are not whole");
    open();
    check_frames(info_.samplerate, info_.channels, error_code::bad_audio);
    frames_.resize(static_cast<std::size_t>(info_.samplerate) *
                   static_cast<std::size_t>(info_.channels));
  }

  // About a second; empty at the end.
  std::span<const float> read() {
    const sf_count_t count = sf_readf_float(handle_.get(), frames_.data(), info_.samplerate);
    source_->check();
    const auto size = static_cast<std::size_t>(std::max<sf_count_t>(count, 0));
    read_ += static_cast<sf_count_t>(size);
    return std::span(frames_).first(size * static_cast<std::size_t>(info_.channels));
  }

  // libsndfile takes a short WAV file for what is there, and believes FLAC.
  std::int64_t missing_ms() const {
    double missing = 0;
    if (const auto& wav = file_.wav; wav && wav->size && wav->bytes_per_ms > 0) {
      missing = (1.0 * *wav->size + 1.0 * wav->at - 1.0 * source_->size()) / wav->bytes_per_ms;
    } else if ((info_.format & SF_FORMAT_TYPEMASK) == SF_FORMAT_FLAC &&
               info_.frames < SF_COUNT_MAX) {
      missing = 1000.0 * (info_.frames - read_) / info_.samplerate;
    }
    return static_cast<std::int64_t>(std::max(missing, 0.0));
  }

  double progress() const {
    return static_cast<double>(file_.position) / static_cast<double>(source_->size());
  }

  const SF_INFO& info() const { return info_; }

 private:
  struct closer {
    void operator()(SNDFILE* handle) const { sf_close(handle); }
  };

  void open() {
    const opening_alone alone;
    SF_VIRTUAL_IO io{virtual_file::length, virtual_file::seek, virtual_file::read, nullptr,
                     virtual_file::tell};
    handle_.reset(sf_open_virtual(&io, SFM_READ, &info_, &file_));
    source_->check();
    if (handle_ == nullptr) refuse_file(alone ? reason() : "it does not open");
  }

  static std::string reason() {
    constexpr int bad_file = 7;  // what it says of an MP3 file without a whole frame
    if (sf_error(nullptr) == bad_file) return "it has no whole frame of audio";
    std::string text = sf_strerror(nullptr);
    while (!text.empty() && (text.back() == '.' || text.back() == '\n')) text.pop_back();
    return text;
  }

  std::unique_ptr<byte_source> source_;
  virtual_file file_{*source_};
  SF_INFO info_{};
  std::unique_ptr<SNDFILE, closer> handle_;
  std::vector<float> frames_;
  sf_count_t read_ = 0;
};

audio_reader::audio_reader(std::unique_ptr<byte_source> source)
    : file_(open(std::move(source))), converter_(rate(), channels()) {}

audio_reader::audio_reader(std::span<const std::byte> bytes)
    : audio_reader(std::make_unique<memory_source>(bytes)) {}

audio_reader::~audio_reader() = default;

std::unique_ptr<audio_reader::file> audio_reader::open(std::unique_ptr<byte_source> source) {
  if (source->size() == 0) refuse("audio is empty");
  return std::make_unique<file>(std::move(source));
}

std::span<const float> audio_reader::next() {
  for (;;) {
    const auto frames = file_->read();
    if (frames.empty() && is_empty_) refuse("audio is empty");
    is_empty_ = false;
    const auto samples = frames.empty() ? converter_.finish() : converter_.convert(frames);
    if (!samples.empty() || frames.empty()) return samples;
  }
}

double audio_reader::progress() const { return file_->progress(); }

std::int64_t audio_reader::missing_ms() const { return file_->missing_ms(); }

int audio_reader::rate() const { return file_->info().samplerate; }

int audio_reader::channels() const { return file_->info().channels; }

}  // namespace duplex::speech
