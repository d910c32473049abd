#include "speech/memory_budget.hpp"

#include <gtest/gtest.h>

#include <optional>

namespace duplex::speech {
namespace {

TEST(memory_budget, shares_have_what_it_has_and_give_it_back) {
  const auto budget = std::make_shared<memory_budget>(100);
  memory_share first(budget);
  std::optional<memory_share> second(budget);
  EXPECT_TRUE(first.resize(60));
  EXPECT_FALSE(second->resize(41));
  EXPECT_EQ(second->bytes(), 0U);
  EXPECT_TRUE(second->resize(40));
  EXPECT_FALSE(first.resize(61));
  EXPECT_EQ(first.bytes(), 60U);
  EXPECT_TRUE(first.resize(10));
  EXPECT_TRUE(second->resize(90));
  second.reset();
  EXPECT_TRUE(first.resize(100));
}

}  // namespace
}  // namespace duplex::speech
