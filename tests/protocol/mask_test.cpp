#include <duplex/protocol/mask.hpp>

#include <gtest/gtest.h>

#include <cstdint>
#include <vector>

namespace duplex::protocol {
namespace {

constexpr mask_key key{std::byte{0x37}, std::byte{0xFA}, std::byte{0x21}, std::byte{0x3D}};

std::vector<std::byte> some_bytes(std::size_t count) {
  std::vector<std::byte> bytes(count);
  std::uint32_t state = 1;
  for (std::byte& each : bytes) {
    state = state * 1664525 + 1013904223;
    each = static_cast<std::byte>(state >> 24);
  }
  return bytes;
}

// Section 5.3: "octet i of the transformed data is the XOR of octet i of the original data with
// octet at index i modulo 4 of the masking key".
std::vector<std::byte> masked_by_the_obvious_loop(const std::vector<std::byte>& bytes,
                                                  std::size_t position) {
  auto masked = bytes;
  for (std::size_t i = 0; i < masked.size(); ++i) masked[i] ^= key[(position + i) % 4];
  return masked;
}

TEST(mask, copy_equals_the_obvious_loop_at_every_alignment) {
  for (std::size_t count = 0; count <= 150; ++count) {
    const auto bytes = some_bytes(count);
    for (std::size_t position = 0; position < 5; ++position) {
      const auto expected = masked_by_the_obvious_loop(bytes, position);
      for (std::size_t from = 0; from < 9; ++from) {
        for (std::size_t to = 0; to < 9; to += 3) {
          std::vector<std::byte> source(from + count), target(to + count + 1, std::byte{0x55});
          std::copy(bytes.begin(), bytes.end(), source.begin() + from);
          apply_mask(target.data() + to, source.data() + from, count, key, position);
          ASSERT_TRUE(std::equal(expected.begin(), expected.end(), target.begin() + to))
              << count << " bytes at " << position << " from +" << from << " to +" << to;
          ASSERT_EQ(target.back(), std::byte{0x55}) << "wrote behind the end";
        }
      }
    }
  }
}

TEST(mask, in_place_equals_the_obvious_loop) {
  for (const std::size_t count : {1, 7, 8, 15, 16, 17, 63, 64, 65, 1000, 65536, 100003}) {
    for (std::size_t position = 0; position < 4; ++position) {
      const auto bytes = some_bytes(count);
      auto masked = bytes;
      apply_mask(masked.data(), masked.data(), count, key, position);
      ASSERT_EQ(masked, masked_by_the_obvious_loop(bytes, position)) << count;
    }
  }
}

TEST(mask, pieces_equal_the_whole) {
  const auto bytes = some_bytes(101);
  for (std::size_t cut = 0; cut <= bytes.size(); ++cut) {
    auto masked = bytes;
    apply_mask(masked.data(), bytes.data(), cut, key);
    apply_mask(masked.data() + cut, bytes.data() + cut, bytes.size() - cut, key, cut);
    ASSERT_EQ(masked, masked_by_the_obvious_loop(bytes, 0)) << "cut at " << cut;
  }
}

}  // namespace
}  // namespace duplex::protocol
