#include "transcribe/audio_source.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>
#include <utility>

#include "speech/audio/pcm_decoder.hpp"
#include "speech/audio/reader.hpp"

namespace duplex::cli::transcribe {
namespace {

[[noreturn]] void fail(int error = errno) {
  throw std::system_error(error, std::generic_category(), "cannot be read");
}

class descriptor {
 public:
  explicit descriptor(const std::string& path) : number_(open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
    if (number_ < 0) fail();
  }
  ~descriptor() { close(number_); }
  descriptor(const descriptor&) = delete;
  descriptor& operator=(const descriptor&) = delete;

  operator int() const { return number_; }

 private:
  int number_;
};

std::vector<std::byte> read_all(int from) {
  std::vector<std::byte> bytes;
  std::array<std::byte, 1 << 16> block;
  for (;;) {
    const auto count = read(from, block.data(), block.size());
    if (count < 0) fail();
    if (count == 0) return bytes;
    bytes.insert(bytes.end(), block.begin(), block.begin() + count);
  }
}

// A regular file as it lies on disk; anything else, such as a named pipe, is read to its end.
class file_bytes {
 public:
  explicit file_bytes(std::vector<std::byte> bytes) : owned_(std::move(bytes)), bytes_(owned_) {}

  explicit file_bytes(const std::string& path) {
    const descriptor file(path);
    struct stat about = {};
    if (fstat(file, &about) != 0) fail();
    if (S_ISDIR(about.st_mode)) fail(EISDIR);
    if (S_ISREG(about.st_mode) && about.st_size > 0) {
      const auto size = static_cast<std::size_t>(about.st_size);
      mapped_ = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file, 0);
      if (mapped_ == MAP_FAILED) fail();
      madvise(mapped_, size, MADV_SEQUENTIAL);
      bytes_ = {static_cast<const std::byte*>(mapped_), size};
    } else {
      owned_ = read_all(file);
      bytes_ = owned_;
    }
  }

  ~file_bytes() {
    if (mapped_ != nullptr) munmap(mapped_, bytes_.size());
  }
  file_bytes(const file_bytes&) = delete;
  file_bytes& operator=(const file_bytes&) = delete;

  std::span<const std::byte> all() const { return bytes_; }

 private:
  std::vector<std::byte> owned_;
  void* mapped_ = nullptr;
  std::span<const std::byte> bytes_;
};

class audio_file : public audio_source {
 public:
  template <class From>
  explicit audio_file(From&& from) : bytes_(std::forward<From>(from)), reader_(bytes_.all()) {}

  std::span<const float> next() override { return reader_.next(); }
  double progress() const override { return reader_.progress(); }

 private:
  file_bytes bytes_;
  speech::audio_reader reader_;
};

class raw_file : public audio_source {
 public:
  raw_file(const std::string& path, const speech::pcm_format& format)
      : bytes_(path), left_(bytes_.all()), decoder_(format) {}

  std::span<const float> next() override {
    while (!left_.empty()) {
      constexpr std::size_t piece = 1 << 16;
      const auto bytes = left_.first(std::min(piece, left_.size()));
      left_ = left_.subspan(bytes.size());
      if (const auto samples = decoder_.decode(bytes); !samples.empty()) return samples;
    }
    return std::exchange(is_finished_, true) ? std::span<const float>() : decoder_.finish();
  }

  double progress() const override {
    const auto size = bytes_.all().size();
    return size == 0 ? 1 : 1 - static_cast<double>(left_.size()) / static_cast<double>(size);
  }

 private:
  file_bytes bytes_;
  std::span<const std::byte> left_;
  speech::pcm_decoder decoder_;
  bool is_finished_ = false;
};

}  // namespace

std::unique_ptr<audio_source> open_file(const std::string& path,
                                        const std::optional<speech::pcm_format>& raw) {
  if (raw) return std::make_unique<raw_file>(path, *raw);
  return std::make_unique<audio_file>(path);
}

std::unique_ptr<audio_source> open_bytes(std::vector<std::byte> file) {
  return std::make_unique<audio_file>(std::move(file));
}

}  // namespace duplex::cli::transcribe
