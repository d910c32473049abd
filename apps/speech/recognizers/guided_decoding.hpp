// Decodes tokens one by one, but in one step where a guess of them is right.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <stop_token>
#include <vector>

namespace duplex::speech {

/// Tells which token follows others, all of which it remembers.
class token_decoder {
 public:
  virtual ~token_decoder() = default;

  /// One step: takes `more` after the first `kept` of all it was given before, and forgets the
  /// others.
  virtual void take(std::size_t kept, std::span<const std::int64_t> more) = 0;

  /// The likeliest to follow, of what the last step took, the one at `index` and all before it;
  /// never `but`.
  virtual std::int64_t likeliest_after(std::size_t index,
                                       std::optional<std::int64_t> but) const = 0;
};

struct decoding_rules {
  std::int64_t start;           ///< Given to the decoder before all others.
  std::int64_t end;             ///< No token is after it.
  std::size_t longest;          ///< Without these two; at least 1.
  bool suppress_blank = false;  ///< Whisper's: the first token is not `end`.
};

/// The tokens of a decoder that was given none yet, without start and end. They begin with the
/// first `forced` of `guess`; the others change nothing, but cost little where they are right: one
/// step judges all. `stop` as in `recognition`.
std::vector<std::int64_t> decode_guided(token_decoder& decoder, const decoding_rules& rules,
                                        std::span<const std::int64_t> guess, std::size_t forced,
                                        const std::stop_token& stop);

}  // namespace duplex::speech
