// The bytes of a file, wherever they are.
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>

namespace duplex::speech {

/// A file whose size is known. Not thread-safe.
class byte_source {
 public:
  virtual ~byte_source() = default;

  virtual std::size_t size() const noexcept = 0;

  /// Fills `to` with what is from `at` on, and returns how much that was: less where the file ends,
  /// or cannot be read.
  virtual std::size_t read(std::size_t at, std::span<std::byte> to) noexcept = 0;

  /// Throws what kept `read` from reading, if anything did.
  virtual void check() const {}
};

/// Bytes in memory, which must outlive it.
class memory_source : public byte_source {
 public:
  explicit memory_source(std::span<const std::byte> bytes) : bytes_(bytes) {}

  std::size_t size() const noexcept override { return bytes_.size(); }

  std::size_t read(std::size_t at, std::span<std::byte> to) noexcept override {
    const auto from = bytes_.subspan(std::min(at, bytes_.size()));
    const auto count = std::min(to.size(), from.size());
    std::copy_n(from.begin(), count, to.begin());
    return count;
  }

 private:
  std::span<const std::byte> bytes_;
};

}  // namespace duplex::speech
