// The XOR of RFC 6455 section 5.3, a block at a time.
#include <duplex/protocol/mask.hpp>

#include <bit>
#include <cstdint>
#include <cstring>

namespace duplex::protocol {
namespace {

// Vector registers of any machine; words where the compiler knows no vectors.
using lane16 [[gnu::vector_size(16)]] = std::uint64_t;
using lane32 [[gnu::vector_size(32)]] = std::uint64_t;

// Masks what fits, two lanes at a time, and gives how many bytes that was. memcpy, because payloads
// have any alignment.
template <typename Lane>
[[gnu::always_inline]] inline std::size_t mask_lanes(std::byte* to, const std::byte* from,
                                                     std::size_t count, std::uint64_t pattern) {
  std::size_t at = 0;
  for (; at + 2 * sizeof(Lane) <= count; at += 2 * sizeof(Lane)) {
    Lane first, second;
    std::memcpy(&first, from + at, sizeof first);
    std::memcpy(&second, from + at + sizeof first, sizeof second);
    first ^= pattern;
    second ^= pattern;
    std::memcpy(to + at, &first, sizeof first);
    std::memcpy(to + at + sizeof first, &second, sizeof second);
  }
  return at;
}

#if defined(__x86_64__)
[[gnu::target("avx2")]] std::size_t mask_wide(std::byte* to, const std::byte* from,
                                              std::size_t count, std::uint64_t pattern) {
  return mask_lanes<lane32>(to, from, count, pattern);
}
bool has_wide() { return __builtin_cpu_supports("avx2"); }
#else
std::size_t mask_wide(std::byte*, const std::byte*, std::size_t, std::uint64_t) { return 0; }
bool has_wide() { return false; }
#endif

// From here on the wide lanes are worth a call.
constexpr std::size_t wide_min = 128;

template <typename Word>
void mask_word(std::byte* to, const std::byte* from, std::uint64_t pattern) {
  Word word;
  std::memcpy(&word, from, sizeof word);
  word ^= static_cast<Word>(pattern);
  std::memcpy(to, &word, sizeof word);
}

}  // namespace

void apply_mask(std::byte* to, const std::byte* from, std::size_t count, mask_key key,
                std::size_t position) noexcept {
  std::uint32_t straight;
  std::memcpy(&straight, key.data(), sizeof straight);
  const int turn = 8 * static_cast<int>(position % key.size());
  const std::uint32_t turned = std::endian::native == std::endian::little
                                   ? std::rotr(straight, turn)
                                   : std::rotl(straight, turn);
  const std::uint64_t pattern = std::uint64_t{turned} << 32 | turned;

  std::size_t at = count >= wide_min && has_wide() ? mask_wide(to, from, count, pattern) : 0;
  at += mask_lanes<lane16>(to + at, from + at, count - at, pattern);
  for (; at + 8 <= count; at += 8) mask_word<std::uint64_t>(to + at, from + at, pattern);
  if ((count & 4) != 0) {
    mask_word<std::uint32_t>(to + at, from + at, pattern);
    at += 4;
  }
  std::byte last[sizeof pattern];
  std::memcpy(last, &pattern, sizeof last);
  for (std::size_t i = 0; at < count; ++at, ++i) to[at] = from[at] ^ last[i];
}

}  // namespace duplex::protocol
