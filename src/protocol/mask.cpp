// The XOR of RFC 6455 section 5.3, sixteen bytes at a time.
#include <cstdint>
#include <cstring>
#include <duplex/protocol/mask.hpp>

namespace duplex::protocol {
namespace {

// Blocks of a size that compilers turn into vector instructions, with every alignment allowed.
template <std::size_t Words>
void mask_block(std::byte* to, const std::byte* from, std::uint64_t pattern) {
  std::uint64_t words[Words];
  std::memcpy(words, from, sizeof words);
  for (std::uint64_t& word : words) word ^= pattern;
  std::memcpy(to, words, sizeof words);
}

}  // namespace

void apply_mask(std::byte* to, const std::byte* from, std::size_t count, mask_key key,
                std::size_t position) noexcept {
  std::byte turned[8];
  for (std::size_t i = 0; i < sizeof turned; ++i) turned[i] = key[(position + i) % key.size()];
  std::uint64_t pattern;
  std::memcpy(&pattern, turned, sizeof pattern);

  std::size_t at = 0;
  for (; at + 64 <= count; at += 64) mask_block<8>(to + at, from + at, pattern);
  for (; at + 8 <= count; at += 8) mask_block<1>(to + at, from + at, pattern);
  for (std::size_t i = 0; at < count; ++at, ++i) to[at] = from[at] ^ turned[i];
}

}  // namespace duplex::protocol
