// Times counted in buckets that widen with the times: fixed memory, percentiles to within a
// percent.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace duplex::cli::bench {

/// After Gil Tene's HdrHistogram: 128 buckets for each power of two of nanoseconds, up to about an
/// hour.
class histogram {
 public:
  using duration = std::chrono::nanoseconds;

  /// Negative times count as none, longer ones as the longest.
  void add(duration time) noexcept;
  void add(const histogram& other) noexcept;

  std::uint64_t count() const noexcept { return count_; }
  duration max() const noexcept { return max_; }
  /// The time that this share (0 to 1) of all did not exceed; rounded up by less than a percent.
  duration percentile(double share) const noexcept;

 private:
  static constexpr int sub_bits = 7, value_bits = 42;
  static constexpr std::size_t size = (value_bits - sub_bits + 1) << sub_bits;

  static std::size_t bucket_of(std::uint64_t value) noexcept;
  static std::uint64_t highest_value(std::size_t bucket) noexcept;

  std::array<std::uint64_t, size> buckets_ = {};
  std::uint64_t count_ = 0;
  duration max_{0};
};

}  // namespace duplex::cli::bench
