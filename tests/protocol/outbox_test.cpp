#include <duplex/protocol/outbox.hpp>

#include <gtest/gtest.h>

#include <random>
#include <string>

namespace duplex::protocol {
namespace {

std::string text_of(const outbox& box) {
  const auto [owned, lent] = box.pending();
  return std::string(as_text(owned)) + std::string(as_text(lent));
}

TEST(outbox, keeps_the_order_of_what_is_owned_and_lent) {
  outbox box;
  box.append(as_bytes("a"));
  const std::string lent = "bc";
  box.lend(as_bytes(lent));
  EXPECT_EQ(box.pending()[1].data(), as_bytes(lent).data()) << "a copy was made";
  EXPECT_EQ(text_of(box), "abc");
  box.append(as_bytes("d"));
  EXPECT_EQ(text_of(box), "abcd");
  EXPECT_EQ(box.size(), 4U);
}

TEST(outbox, holds_what_is_left_of_a_lent_span) {
  outbox box;
  box.append(as_bytes("a"));
  std::string lent = "bcd";
  box.lend(as_bytes(lent));
  box.consume(2);
  box.hold();
  lent = "xyz";
  EXPECT_EQ(text_of(box), "cd");
}

TEST(outbox, keeps_no_memory_when_it_is_empty) {
  outbox box;
  box.append(as_bytes(std::string(100000, 'x')));
  box.consume(box.size());
  EXPECT_EQ(box.take().capacity(), 0U);
}

TEST(outbox, gives_everything_away_as_one_block) {
  outbox box;
  box.append(as_bytes("abc"));
  box.consume(1);
  const std::string lent = "de";
  box.lend(as_bytes(lent));
  EXPECT_EQ(as_text(box.take().bytes()), "bcde");
  EXPECT_TRUE(box.empty());
  box.append(as_bytes("f"));
  EXPECT_EQ(text_of(box), "f");
}

TEST(outbox, keeps_the_order_of_what_is_shared_and_owned) {
  outbox box;
  const auto block = std::make_shared<const buffer>(as_bytes("bc"));
  box.append(as_bytes("a"));
  box.share(block);
  box.append(as_bytes("d"));
  box.share(block);
  const std::string lent = "e";
  box.lend(as_bytes(lent));
  EXPECT_EQ(box.size(), 7U);
  EXPECT_EQ(box.pending()[1].data(), block->data()) << "a copy was made";
  std::string all;
  while (!box.empty()) {
    all += text_of(box).front();
    box.consume(1);
  }
  EXPECT_EQ(all, "abcdbce");
  EXPECT_EQ(block.use_count(), 1) << "the block is kept";
}

TEST(outbox, gives_no_more_than_a_piece_of_a_shared_block_away) {
  outbox box;
  const auto block = std::make_shared<const buffer>(as_bytes(std::string(100'000, 's')));
  box.append(as_bytes("own"));
  box.share(block);
  box.append(as_bytes("end"));
  EXPECT_EQ(as_text(box.take().bytes()), "own");
  EXPECT_EQ(box.take().size(), 16U * 1024);
  EXPECT_EQ(box.pending()[1].data(), block->data() + 16 * 1024) << "the rest was copied";
  box.consume(100'000 - 16 * 1024);
  EXPECT_EQ(as_text(box.take().bytes()), "end");
  EXPECT_TRUE(box.empty());
}

TEST(outbox, is_a_queue_whatever_is_done_to_it) {
  std::mt19937 random(3);
  const std::string source(5000, 's');
  outbox box;
  std::string model;
  char next = 'a';
  for (int round = 0; round < 20000; ++round) {
    switch (random() % 5) {
      case 0:
      case 1: {
        const std::string bytes(random() % 40, next);
        box.append(as_bytes(bytes));
        model += bytes;
        break;
      }
      case 2: {
        const std::string_view bytes = std::string_view(source).substr(0, random() % 60);
        box.lend(as_bytes(bytes));
        model += bytes;
        break;
      }
      case 3: {
        const auto count = random() % (box.size() + 1);
        box.consume(count);
        model.erase(0, count);
        break;
      }
      case 4:
        box.hold();
        break;
    }
    next = next == 'z' ? 'a' : static_cast<char>(next + 1);
    ASSERT_EQ(text_of(box), model);
    ASSERT_EQ(box.size(), model.size());
  }
}

TEST(outbox, that_never_gets_empty_does_not_grow) {
  outbox box;
  box.append(as_bytes("0123456789"));
  const std::byte* block = nullptr;
  int moves = 0;
  for (int round = 0; round < 100000; ++round) {
    box.append(as_bytes("0123456789"));
    box.consume(10);
    const auto pending = box.pending()[0];
    if (block == nullptr || pending.data() < block || pending.data() > block + 64) {
      block = pending.data();
      ++moves;
    }
  }
  EXPECT_LE(moves, 3);
}

}  // namespace
}  // namespace duplex::protocol
