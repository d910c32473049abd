#include "api/http_date.hpp"

#include <gtest/gtest.h>

namespace duplex::detail {
namespace {

TEST(http_date, equals_the_example_of_rfc_9110) {
  const auto at = [](std::int64_t seconds) {
    return http_date(std::chrono::system_clock::time_point(std::chrono::seconds(seconds)));
  };
  EXPECT_EQ(at(784111777), "Sun, 06 Nov 1994 08:49:37 GMT");
  EXPECT_EQ(at(0), "Thu, 01 Jan 1970 00:00:00 GMT");
  EXPECT_EQ(at(951827696), "Tue, 29 Feb 2000 12:34:56 GMT");
}

}  // namespace
}  // namespace duplex::detail
