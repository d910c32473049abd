// Where a time is counted, and which time a bucket stands for.
#include "bench/histogram.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

namespace duplex::cli::bench {
// The first 2^7 values have a bucket each; from there on, each power of two has 2^7 of them.
std::size_t histogram::bucket_of(std::uint64_t value) noexcept {
  const int shift = std::max(static_cast<int>(std::bit_width(value)) - sub_bits - 1, 0);
  return (static_cast<std::size_t>(shift) << sub_bits) + static_cast<std::size_t>(value >> shift);
}

std::uint64_t histogram::highest_value(std::size_t bucket) noexcept {
  if (bucket < 2u << sub_bits) return bucket;
  const auto shift = (bucket >> sub_bits) - 1;
  const auto value = bucket - (shift << sub_bits);
  return ((static_cast<std::uint64_t>(value) + 1) << shift) - 1;
}

void histogram::add(duration time) noexcept {
  constexpr auto longest = (std::int64_t{1} << value_bits) - 1;
  const auto value = std::clamp<std::int64_t>(time.count(), 0, longest);
  ++buckets_[bucket_of(static_cast<std::uint64_t>(value))];
  ++count_;
  max_ = std::max(max_, time);
}

void histogram::add(const histogram& other) noexcept {
  for (std::size_t i = 0; i < size; ++i) buckets_[i] += other.buckets_[i];
  count_ += other.count_;
  max_ = std::max(max_, other.max_);
}

histogram::duration histogram::percentile(double share) const noexcept {
  const auto wanted = static_cast<std::uint64_t>(std::ceil(share * static_cast<double>(count_)));
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i < size; ++i) {
    seen += buckets_[i];
    if (seen >= wanted && seen > 0) {
      return std::min(duration(static_cast<std::int64_t>(highest_value(i))), max_);
    }
  }
  return max_;
}

}  // namespace duplex::cli::bench
