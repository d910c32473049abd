// The inbox: order, and the marks at which reading pauses and goes on.
#include <gtest/gtest.h>

#include <duplex/inbox.hpp>
#include <string>

namespace {

using duplex::inbox;
using duplex::message;
using duplex::water_marks;

constexpr std::size_t unlimited = water_marks::unlimited;
constexpr std::size_t overhead = sizeof(message);

message text_of(std::size_t size) { return message(std::string(size, 'x')); }

TEST(WaterMarks, LowIsAQuarterUnlessGiven) {
  EXPECT_EQ(water_marks(32).high(), 32u);
  EXPECT_EQ(water_marks(32).low(), 8u);
  EXPECT_EQ(water_marks(32, 31).low(), 31u);
  EXPECT_EQ(water_marks(std::nullopt).high(), unlimited);
}

TEST(Inbox, MessagesComeOutInOrderHoweverItGrowsAndShrinks) {
  inbox box(unlimited, unlimited, unlimited);
  int pushed = 0, popped = 0;
  for (int round = 1; round < 40; ++round) {
    for (int i = 0; i < round; ++i) box.push(message(std::to_string(pushed++)));
    EXPECT_EQ(box.size(), static_cast<std::size_t>(pushed - popped));
    for (int i = 0; i < round / 2; ++i) EXPECT_EQ(box.pop().text(), std::to_string(popped++));
  }
  while (!box.empty()) EXPECT_EQ(box.pop().text(), std::to_string(popped++));
  EXPECT_EQ(popped, pushed);
  EXPECT_EQ(box.bytes(), 0u);
}

TEST(Inbox, BytesCountPayloadAndMessage) {
  inbox box(unlimited, unlimited, unlimited);
  box.push(text_of(100));
  box.push(text_of(0));
  EXPECT_EQ(box.bytes(), 100 + 2 * overhead);
  box.pop();
  EXPECT_EQ(box.bytes(), overhead);
}

TEST(Inbox, PausesAtTheHighMarkWithoutLookAheadAndGoesOnAtTheLow) {
  inbox box({4, 1}, unlimited, 0);
  for (int i = 0; i < 3; ++i) box.push(text_of(1));
  EXPECT_FALSE(box.paused());
  box.push(text_of(1));
  EXPECT_TRUE(box.paused());
  box.pop();
  box.pop();
  EXPECT_TRUE(box.paused());
  box.pop();
  EXPECT_FALSE(box.paused());
  EXPECT_EQ(box.size(), 1u);
}

TEST(Inbox, SmallMessagesBeyondTheMarkAreReadUpToTheLookAhead) {
  const std::size_t cost = 10 + overhead;
  inbox box({4, 1}, unlimited, 3 * cost);
  for (int i = 0; i < 6; ++i) box.push(text_of(10));
  EXPECT_FALSE(box.paused());
  box.push(text_of(10));  // the third beyond the mark
  EXPECT_TRUE(box.paused());
  EXPECT_EQ(box.size(), 7u);
}

TEST(Inbox, LookAheadIsWholeAgainBelowTheMark) {
  const std::size_t cost = 10 + overhead;
  inbox box({2, 1}, unlimited, 2 * cost);
  for (int round = 0; round < 10; ++round) {
    while (box.size() < 3) box.push(text_of(10));
    EXPECT_FALSE(box.paused()) << round;
    while (box.size() > 1) box.pop();
  }
}

TEST(Inbox, PausesAtItsBytesAndGoesOnAtHalf) {
  const std::size_t cost = 100 + overhead;
  inbox box(unlimited, 4 * cost, unlimited);
  for (int i = 0; i < 3; ++i) box.push(text_of(100));
  EXPECT_FALSE(box.paused());
  box.push(text_of(100));
  EXPECT_TRUE(box.paused());
  box.pop();
  EXPECT_TRUE(box.paused());
  box.pop();
  EXPECT_FALSE(box.paused());
}

TEST(Inbox, EmptyIsNeverPaused) {
  inbox box(1, 0, 0);
  for (int i = 0; i < 3; ++i) {
    box.push(text_of(i));
    EXPECT_TRUE(box.paused());
    box.pop();
    EXPECT_FALSE(box.paused());
  }
}

}  // namespace
