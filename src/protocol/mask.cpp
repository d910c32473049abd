// The XOR of RFC 6455 section 5.3, a block at a time.
#include <duplex/protocol/mask.hpp>

#include <bit>
#include <cstdint>
#include <cstring>

namespace duplex::protocol {
namespace {

// A vector register of any machine; one word where the compiler knows no vectors.
using lane [[gnu::vector_size(16)]] = std::uint64_t;

// memcpy, because payloads have any alignment.
template <typename Word>
Word load(const std::byte* from) {
  Word word;
  std::memcpy(&word, from, sizeof word);
  return word;
}

// Masks as many words as fit and gives how many bytes they have.
template <typename Word>
std::size_t mask_words(std::byte* to, const std::byte* from, std::size_t count,
                       std::uint64_t pattern) {
  std::size_t at = 0;
  for (; at + sizeof(Word) <= count; at += sizeof(Word)) {
    const Word masked = load<Word>(from + at) ^ pattern;
    std::memcpy(to + at, &masked, sizeof masked);
  }
  return at;
}

}  // namespace

void apply_mask(std::byte* to, const std::byte* from, std::size_t count, mask_key key,
                std::size_t position) noexcept {
  const auto straight = load<std::uint32_t>(key.data());
  const int turn = 8 * static_cast<int>(position % key.size());
  const std::uint32_t turned = std::endian::native == std::endian::little
                                   ? std::rotr(straight, turn)
                                   : std::rotl(straight, turn);
  const std::uint64_t pattern = std::uint64_t{turned} << 32 | turned;

  std::size_t at = mask_words<lane>(to, from, count, pattern);
  at += mask_words<std::uint64_t>(to + at, from + at, count - at, pattern);
  std::byte last[sizeof pattern];
  std::memcpy(last, &pattern, sizeof last);
  for (std::size_t i = 0; at < count; ++at, ++i) to[at] = from[at] ^ last[i];
}

}  // namespace duplex::protocol
