#include "transcribe/audio_source.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "speech/audio/byte_source.hpp"
#include "speech/audio/pcm_decoder.hpp"
#include "speech/audio/reader.hpp"
#include "speech/recognizer.hpp"

namespace duplex::cli::transcribe {
namespace {

[[noreturn]] void fail(int error = errno) {
  throw std::system_error(error, std::generic_category(), "cannot be read");
}

class descriptor {
 public:
  // Does not wait for somebody to write to a named pipe.
  explicit descriptor(const std::string& path)
      : number_(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {
    if (number_ < 0) fail();
  }
  ~descriptor() {
    if (number_ >= 0) close(number_);
  }
  descriptor(descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  descriptor& operator=(descriptor&&) = delete;

  operator int() const { return number_; }

 private:
  int number_;
};

std::vector<std::byte> read_all(int from, const std::stop_token& stop) {
  constexpr int look_ms = 100;  // how often for `stop`
  std::vector<std::byte> bytes;
  std::array<std::byte, 1 << 16> block;
  for (;;) {
    speech::throw_if_stopped(stop);
    pollfd waited{from, POLLIN, 0};
    if (poll(&waited, 1, look_ms) <= 0) continue;
    const auto count = read(from, block.data(), block.size());
    if (count == 0) return bytes;
    if (count > 0) {
      check_pipe(bytes.size() + static_cast<std::size_t>(count));  // before there is room for twice
      bytes.insert(bytes.end(), block.begin(), block.begin() + count);
    } else if (errno != EAGAIN && errno != EINTR) {
      fail();
    }
  }
}

// Bytes that are in memory because they came out of a pipe.
class held_file : public speech::memory_source {
 public:
  explicit held_file(std::vector<std::byte> bytes)
      : memory_source(bytes), bytes_(std::move(bytes)) {}  // which stay where they are

 private:
  std::vector<std::byte> bytes_;
};

// A regular file. It may be cut or vanish meanwhile, as a mapped one may not.
class disk_file : public speech::byte_source {
 public:
  disk_file(descriptor file, std::size_t size) : file_(std::move(file)), size_(size) {}

  std::size_t size() const noexcept override { return size_; }

  std::size_t read(std::size_t at, std::span<std::byte> to) noexcept override {
    to = to.first(std::min(to.size(), size_ - std::min(at, size_)));
    std::size_t done = 0;
    while (done < to.size()) {
      const auto rest = to.subspan(done);
      const auto count = pread(file_, rest.data(), rest.size(), static_cast<off_t>(at + done));
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) error_ = errno;
      if (count == 0) is_cut_ = true;
      if (count <= 0) break;
      done += static_cast<std::size_t>(count);
    }
    return done;
  }

  void check() const override {
    if (error_ != 0) fail(error_);
    if (is_cut_) throw std::runtime_error("was cut while it was read");
  }

 private:
  descriptor file_;
  std::size_t size_;
  int error_ = 0;
  bool is_cut_ = false;
};

std::unique_ptr<speech::byte_source> open_source(const std::string& path,
                                                 const std::stop_token& stop) {
  descriptor file(path);
  struct stat about = {};
  if (fstat(file, &about) != 0) fail();
  if (S_ISDIR(about.st_mode)) fail(EISDIR);
  if (!S_ISREG(about.st_mode)) return std::make_unique<held_file>(read_all(file, stop));
  return std::make_unique<disk_file>(std::move(file), static_cast<std::size_t>(about.st_size));
}

class audio_file : public audio_source {
 public:
  explicit audio_file(std::unique_ptr<speech::byte_source> from) : reader_(std::move(from)) {}

  std::span<const float> next() override { return reader_.next(); }
  double progress() const override { return reader_.progress(); }
  std::int64_t missing_ms() const override { return reader_.missing_ms(); }

 private:
  speech::audio_reader reader_;
};

class raw_file : public audio_source {
 public:
  raw_file(std::unique_ptr<speech::byte_source> from, const speech::pcm_format& format)
      : file_(std::move(from)), decoder_(format) {}

  std::span<const float> next() override {
    for (;;) {
      const auto bytes = std::span(block_).first(file_->read(read_, block_));
      file_->check();
      if (bytes.empty()) break;
      read_ += bytes.size();
      if (const auto samples = decoder_.decode(bytes); !samples.empty()) return samples;
    }
    return std::exchange(is_finished_, true) ? std::span<const float>() : decoder_.finish();
  }

  double progress() const override {
    const auto size = file_->size();
    return size == 0 ? 1 : static_cast<double>(read_) / static_cast<double>(size);
  }

  std::int64_t missing_ms() const override { return 0; }

 private:
  std::unique_ptr<speech::byte_source> file_;
  speech::pcm_decoder decoder_;
  std::vector<std::byte> block_ = std::vector<std::byte>(1 << 16);
  std::size_t read_ = 0;
  bool is_finished_ = false;
};

}  // namespace

void check_pipe(std::size_t size) {
  if (size <= longest_pipe) return;
  throw std::runtime_error("more than 1 GiB through a pipe: save it as a file first");
}

std::unique_ptr<audio_source> open_file(const std::string& path,
                                        const std::optional<speech::pcm_format>& raw,
                                        const std::stop_token& stop) {
  auto file = open_source(path, stop);
  if (raw) return std::make_unique<raw_file>(std::move(file), *raw);
  return std::make_unique<audio_file>(std::move(file));
}

std::unique_ptr<audio_source> open_bytes(std::vector<std::byte> file) {
  return std::make_unique<audio_file>(std::make_unique<held_file>(std::move(file)));
}

}  // namespace duplex::cli::transcribe
