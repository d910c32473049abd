// A regular file, open for reading by threads that may block.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

namespace duplex::detail {

class file {
 public:
  /// nullptr where it cannot be read or is no regular file; never waits for a pipe's other end.
  static std::shared_ptr<const file> open(const std::filesystem::path& path);
  file(const file&) = delete;
  file& operator=(const file&) = delete;
  ~file();

  /// As they were when it was opened.
  std::uint64_t size() const noexcept { return size_; }
  std::chrono::system_clock::time_point modified() const noexcept { return modified_; }
  /// Up to `count` bytes at a place; fewer at the end. Throws std::system_error.
  std::string read(std::uint64_t at, std::size_t count) const;

 private:
  explicit file(int descriptor) noexcept : descriptor_(descriptor) {}

  int descriptor_;
  std::uint64_t size_ = 0;
  std::chrono::system_clock::time_point modified_;
};

}  // namespace duplex::detail
