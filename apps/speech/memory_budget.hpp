// Memory that many share, up to a bound.
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <utility>

namespace duplex::speech {

/// So many bytes for all, which may be some of a larger budget. Thread-safe.
class memory_budget {
 public:
  explicit memory_budget(std::size_t most, std::shared_ptr<memory_budget> part_of = nullptr)
      : most_(most), whole_(std::move(part_of)) {}

  std::size_t most() const { return most_; }

  /// False: the others have them.
  bool take(std::size_t bytes) {
    std::size_t taken = taken_;
    do {
      if (bytes > most_ - taken) return false;
    } while (!taken_.compare_exchange_weak(taken, taken + bytes));
    if (!whole_ || whole_->take(bytes)) return true;
    taken_ -= bytes;
    return false;
  }
  void release(std::size_t bytes) {
    taken_ -= bytes;
    if (whole_) whole_->release(bytes);
  }

 private:
  const std::size_t most_;
  const std::shared_ptr<memory_budget> whole_;
  std::atomic<std::size_t> taken_ = 0;
};

/// What one holds of a budget, given back at its end. One caller at a time.
class memory_share {
 public:
  explicit memory_share(std::shared_ptr<memory_budget> of) : of_(std::move(of)) {}
  ~memory_share() { of_->release(bytes_); }
  memory_share(const memory_share&) = delete;
  memory_share& operator=(const memory_share&) = delete;

  std::size_t bytes() const { return bytes_; }
  /// Holds so many from now on. False: there are not so many, and it holds what it did.
  bool resize(std::size_t bytes) {
    if (bytes > bytes_ && !of_->take(bytes - bytes_)) return false;
    if (bytes < bytes_) of_->release(bytes_ - bytes);
    bytes_ = bytes;
    return true;
  }

 private:
  std::shared_ptr<memory_budget> of_;
  std::size_t bytes_ = 0;
};

}  // namespace duplex::speech
