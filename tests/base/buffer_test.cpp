#include <duplex/buffer.hpp>

#include <gtest/gtest.h>

#include <deque>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include <duplex/message.hpp>

namespace duplex {
namespace {

TEST(buffer, keeps_its_bytes_while_it_grows) {
  buffer it;
  std::string model;
  for (int i = 0; i < 20000; ++i) {
    const std::string piece(static_cast<std::size_t>(i % 7), static_cast<char>('a' + i % 26));
    it.append(as_bytes(piece));
    model += piece;
  }
  EXPECT_EQ(as_text(it.bytes()), model);
  EXPECT_LE(it.capacity(), 2 * model.size());
}

TEST(buffer, grows_geometrically) {
  buffer it;
  int moves = 0;
  for (int i = 0; i < 1000000; ++i) {
    const auto capacity = it.capacity();
    *it.extend(1) = std::byte{1};
    if (it.capacity() != capacity) ++moves;
  }
  EXPECT_LE(moves, 20);
}

TEST(buffer, reserves_what_is_asked_and_never_shrinks) {
  buffer it(as_bytes("abc"));
  it.reserve(200000);
  EXPECT_EQ(it.capacity(), 200000U);
  it.reserve(10);
  EXPECT_EQ(it.capacity(), 200000U);
  EXPECT_EQ(as_text(it.bytes()), "abc");
  it.truncate(1);
  EXPECT_EQ(as_text(it.bytes()), "a");
  it.clear();
  EXPECT_TRUE(it.empty());
  EXPECT_EQ(it.capacity(), 200000U);
  it.release();
  EXPECT_EQ(it.capacity(), 0U);
}

TEST(buffer, refuses_a_size_that_no_memory_has) {
  buffer it(as_bytes("abc"));
  EXPECT_THROW(it.extend(std::numeric_limits<std::size_t>::max() - 1), std::bad_alloc);
  EXPECT_EQ(as_text(it.bytes()), "abc");
}

TEST(buffer, moves_without_a_copy) {
  buffer from(as_bytes("abc"));
  const auto* const place = from.data();
  buffer to = std::move(from);
  EXPECT_EQ(to.data(), place);
  EXPECT_TRUE(from.empty());
  EXPECT_EQ(from.capacity(), 0U);
  buffer third(as_bytes("x"));
  third = std::move(to);
  EXPECT_EQ(as_text(third.bytes()), "abc");
}

TEST(buffer, gives_small_blocks_back_to_its_thread) {
  for (const std::size_t size : {1, 64, 65, 1000, 4096, 131072}) {
    buffer first;
    const auto* const place = first.extend(size);
    first.release();
    buffer second;
    EXPECT_EQ(second.extend(size), place) << size;
  }
}

TEST(buffer, keeps_its_bytes_whatever_else_is_allocated) {
  std::mt19937 random(5);
  std::deque<std::pair<buffer, std::string>> alive;
  for (int round = 0; round < 20000; ++round) {
    if (alive.size() < 300 && random() % 2 == 0) {
      const std::string bytes(random() % 6000, static_cast<char>('a' + round % 26));
      alive.emplace_back(buffer(as_bytes(bytes)), bytes);
    } else if (!alive.empty()) {
      const auto chosen = alive.begin() + static_cast<long>(random() % alive.size());
      ASSERT_EQ(as_text(chosen->first.bytes()), chosen->second);
      alive.erase(chosen);
    }
  }
}

TEST(buffer, may_die_on_another_thread) {
  for (int round = 0; round < 20; ++round) {
    std::vector<buffer> made;
    std::thread([&] {
      for (int i = 0; i < 1000; ++i) made.emplace_back(as_bytes("a small block"));
    }).join();
    std::thread([&] { made.clear(); }).join();
  }
}

// Lives until its thread is over; made before the cache of blocks is, it dies after it.
struct late {
  ~late() {
    held.append(as_bytes(" and goes"));
    EXPECT_EQ(as_text(held.bytes()), "lives on and goes");
    buffer other(as_bytes("born last"));
  }
  buffer held;
};

TEST(buffer, may_die_while_its_thread_ends) {
  std::thread([] {
    thread_local late dies_after_the_cache;
    dies_after_the_cache.held.append(as_bytes("lives on"));
    buffer(as_bytes("begins the cache"));
  }).join();
}

TEST(message, has_a_type_and_a_payload) {
  message text("hé"), binary(as_bytes("\xFF"));
  EXPECT_TRUE(text.is_text());
  EXPECT_FALSE(text.is_binary());
  EXPECT_EQ(text.text(), "hé");
  EXPECT_EQ(text.size(), 3U);
  EXPECT_TRUE(binary.is_binary());
  const message copy = text.clone();
  EXPECT_EQ(copy.text(), "hé");
  EXPECT_NE(copy.bytes().data(), text.bytes().data());
  const buffer taken = std::move(text).take();
  EXPECT_EQ(as_text(taken.bytes()), "hé");
  EXPECT_EQ(text.size(), 0U);
}

}  // namespace
}  // namespace duplex
