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

TEST(memory_budget, a_part_has_no_more_than_the_whole_leaves) {
  const auto whole = std::make_shared<memory_budget>(100);
  const auto half = std::make_shared<memory_budget>(50, whole);
  memory_share of_part(half), of_whole(whole);
  EXPECT_FALSE(of_part.resize(51));
  EXPECT_TRUE(of_part.resize(50));
  EXPECT_FALSE(of_whole.resize(51));
  EXPECT_TRUE(of_part.resize(20));
  EXPECT_TRUE(of_whole.resize(80));
  EXPECT_FALSE(of_part.resize(21));
  EXPECT_TRUE(of_whole.resize(50));
  EXPECT_TRUE(of_part.resize(50)) << "what was refused was not taken from the part";
}

}  // namespace
}  // namespace duplex::speech
