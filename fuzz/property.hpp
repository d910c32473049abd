// What the fuzzers share: properties that must hold, and the parts of an input.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace duplex::fuzz {

/// Stops the program where a property does not hold, so that whoever runs it keeps the input.
inline void require(bool holds, const char* property) {
  if (holds) return;
  std::fprintf(stderr, "this must hold: %s\n", property);
  std::abort();
}

/// The bytes of an input, taken from its front. Where there are none left, numbers are 0.
class input {
 public:
  input(const std::uint8_t* data, std::size_t size)
      : left_(reinterpret_cast<const char*>(data), size) {}

  bool empty() const { return left_.empty(); }
  unsigned byte() {
    if (left_.empty()) return 0;
    const auto value = static_cast<unsigned char>(left_.front());
    left_.remove_prefix(1);
    return value;
  }
  /// Two bytes' worth of a number, at most `max`.
  std::size_t number(std::size_t max) {
    const std::size_t high = byte();
    return (high << 8 | byte()) % (max + 1);
  }
  std::string_view take(std::size_t count) {
    const auto taken = left_.substr(0, count);
    left_.remove_prefix(taken.size());
    return taken;
  }
  std::string_view rest() { return std::exchange(left_, {}); }
  /// What is left up to a line feed, which is skipped.
  std::string_view line() {
    const auto taken = take(left_.find('\n'));
    take(1);
    return taken;
  }

 private:
  std::string_view left_;
};

/// The text in pieces whose sizes follow from `seed`: 0 is one piece, 1 to 15 all of that size, and
/// others differ from piece to piece.
inline std::vector<std::string> chopped(std::string_view text, unsigned seed) {
  std::vector<std::string> pieces;
  for (unsigned state = seed; !text.empty();) {
    state = state * 1103515245U + 12345U;
    const std::size_t size = seed == 0   ? text.size()
                             : seed < 16 ? seed
                                         : 1 + ((state >> 16) % seed) * ((state >> 8 & 7) + 1);
    pieces.emplace_back(text.substr(0, size));
    text.remove_prefix(pieces.back().size());
  }
  return pieces;
}

}  // namespace duplex::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
