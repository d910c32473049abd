// Percentiles of times, to within a percent.
#include "bench/histogram.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

namespace duplex::cli::bench {
namespace {

using std::chrono::nanoseconds;

TEST(histogram, of_nothing_is_zero) {
  const histogram none;
  EXPECT_EQ(none.count(), 0u);
  EXPECT_EQ(none.percentile(0.99), nanoseconds(0));
  EXPECT_EQ(none.max(), nanoseconds(0));
}

TEST(histogram, percentiles_are_those_of_the_sorted_times_to_within_a_percent) {
  std::mt19937_64 random(1);
  for (const double spread : {10.0, 1e4, 1e9, 1e12}) {
    histogram counted;
    std::vector<std::int64_t> times;
    for (int i = 0; i < 20000; ++i) {
      const double share = std::uniform_real_distribution<>(0, 1)(random);
      times.push_back(static_cast<std::int64_t>(std::pow(spread, share)));
      counted.add(nanoseconds(times.back()));
    }
    std::sort(times.begin(), times.end());
    for (const double share : {0.0001, 0.5, 0.9, 0.99, 0.999, 1.0}) {
      const auto place = static_cast<std::size_t>(std::ceil(share * 20000)) - 1;
      const auto expected = static_cast<double>(times[place]);
      const auto found = static_cast<double>(counted.percentile(share).count());
      EXPECT_GE(found, expected);
      EXPECT_LE(found, expected * 1.01);
    }
    EXPECT_EQ(counted.max().count(), times.back());
  }
}

TEST(histogram, extremes_are_counted) {
  histogram counted;
  counted.add(nanoseconds(-5));
  counted.add(nanoseconds::max());
  EXPECT_EQ(counted.count(), 2u);
  EXPECT_EQ(counted.percentile(0.5), nanoseconds(0));
  EXPECT_GT(counted.percentile(1), std::chrono::hours(1));
}

TEST(histogram, sum_is_that_of_all_times) {
  histogram one, other, all;
  for (int i = 0; i < 1000; ++i) {
    (i % 3 == 0 ? one : other).add(nanoseconds(i * i));
    all.add(nanoseconds(i * i));
  }
  one.add(other);
  EXPECT_EQ(one.count(), all.count());
  EXPECT_EQ(one.max(), all.max());
  for (const double share : {0.1, 0.5, 0.99}) {
    EXPECT_EQ(one.percentile(share), all.percentile(share));
  }
}

}  // namespace
}  // namespace duplex::cli::bench
