// A growable block of bytes that is moved, never copied, with small blocks recycled per thread.
#pragma once

#include <cstddef>
#include <cstring>
#include <span>
#include <string_view>
#include <utility>

namespace duplex {

/// The bytes of a string, as the library counts them.
inline std::span<const std::byte> as_bytes(std::string_view text) noexcept {
  return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}

/// Bytes as text. Nothing is checked.
inline std::string_view as_text(std::span<const std::byte> bytes) noexcept {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// Owned bytes. Growing doubles the capacity and leaves new bytes uninitialised.
///
/// Blocks of up to 128 KiB come from and return to a small cache of the calling thread, so that a
/// stream of small messages allocates nothing; a buffer may be destroyed on any thread.
class buffer {
 public:
  buffer() noexcept = default;
  explicit buffer(std::span<const std::byte> bytes) { append(bytes); }
  /// Of `size` uninitialised bytes.
  explicit buffer(std::size_t size) : size_(size) {
    if (size == 0) return;
    const block taken = take_block(size);
    data_ = taken.data;
    capacity_ = taken.size;
  }
  buffer(buffer&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)),
        size_(std::exchange(other.size_, 0)),
        capacity_(std::exchange(other.capacity_, 0)) {}
  buffer& operator=(buffer&& other) noexcept {
    if (this != &other) {
      release();
      data_ = std::exchange(other.data_, nullptr);
      size_ = std::exchange(other.size_, 0);
      capacity_ = std::exchange(other.capacity_, 0);
    }
    return *this;
  }
  buffer(const buffer&) = delete;
  buffer& operator=(const buffer&) = delete;
  ~buffer() {
    if (data_ != nullptr) put_block(data_, capacity_);
  }

  std::byte* data() noexcept { return data_; }
  const std::byte* data() const noexcept { return data_; }
  std::size_t size() const noexcept { return size_; }
  std::size_t capacity() const noexcept { return capacity_; }
  bool empty() const noexcept { return size_ == 0; }
  std::span<const std::byte> bytes() const noexcept { return {data_, size_}; }

  /// Makes room for `size` bytes in all; never shrinks.
  void reserve(std::size_t size) {
    if (size > capacity_) reallocate(size);
  }
  /// Grows by `count` uninitialised bytes and gives the place of the first.
  std::byte* extend(std::size_t count) {
    if (count > capacity_ - size_) grow(count);
    std::byte* const place = data_ + size_;
    size_ += count;
    return place;
  }
  /// Copies `bytes`, which are not the buffer's own, to the end.
  void append(std::span<const std::byte> bytes) {
    if (!bytes.empty()) std::memcpy(extend(bytes.size()), bytes.data(), bytes.size());
  }
  /// Cuts to `size` bytes, at most the present size.
  void truncate(std::size_t size) noexcept { size_ = size; }
  void clear() noexcept { size_ = 0; }
  /// Empties and gives the block back.
  void release() noexcept {
    size_ = 0;
    if (data_ != nullptr) put_block(std::exchange(data_, nullptr), std::exchange(capacity_, 0));
  }

 private:
  void grow(std::size_t count);
  void reallocate(std::size_t capacity);
  struct block {
    std::byte* data;
    std::size_t size;
  };
  static block take_block(std::size_t size);  // of so many bytes or more
  static block allocate_block(std::size_t size);
  static void put_block(std::byte* data, std::size_t size) noexcept;

  std::byte* data_ = nullptr;
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;
};

}  // namespace duplex
