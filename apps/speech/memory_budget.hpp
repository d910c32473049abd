// Memory that many share, up to a bound.
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <utility>

namespace duplex::speech {

/// So many bytes for all. Thread-safe.
class memory_budget {
 public:
  explicit memory_budget(std::size_t most) : most_(most) {}

  /// False: the others have them.
  bool take(std::size_t bytes) {
    std::size_t taken = taken_;
    do {
      if (bytes > most_ - taken) return false;
    } while (!taken_.compare_exchange_weak(taken, taken + bytes));
    return true;
  }
  void release(std::size_t bytes) { taken_ -= bytes; }

 private:
  const std::size_t most_;
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
