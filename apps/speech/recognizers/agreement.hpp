// Which words of a growing text will not change any more: those that successive readings agree on.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string_view>
#include <vector>

namespace duplex::speech {

/// LocalAgreement (Liu et al., "Low-Latency Sequence-to-Sequence Speech Recognition and Translation
/// by Partial Hypothesis Selection", 2020; Macháček et al., "Turning Whisper into Real-Time
/// Transcription System", 2023), in tokens and whole words: what two readings of a growing stretch
/// of speech, two seconds apart, begin with alike is stable, but for the last two words of it.
class agreement {
 public:
  /// Takes the next reading, made of `heard` samples, which begins with the stable tokens. What was
  /// only heard after the first `certain` samples does not become stable. `begins_word` tells of a
  /// token whether a new word begins with it.
  void add(std::vector<std::int64_t> tokens, std::size_t heard, std::size_t certain,
           const std::function<bool(std::int64_t)>& begins_word);

  /// The latest reading.
  std::span<const std::int64_t> latest() const { return latest_; }

  /// How many of its tokens are stable. Never shrinks.
  std::size_t stable() const { return stable_; }

 private:
  std::vector<std::int64_t> latest_;
  std::vector<std::int64_t> compared_;  // the reading that the next is compared with
  std::size_t compared_heard_ = 0;
  std::size_t stable_ = 0;
};

/// Whether a token of these bytes, or their first, begins a word: with a space, or with a character
/// of a script that has none between words, such as Chinese, where each is taken for a word.
bool begins_word(std::string_view piece);

}  // namespace duplex::speech
