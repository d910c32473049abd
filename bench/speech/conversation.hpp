// What a paced client says: recordings with pauses between them, and where speech is in them.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <span>
#include <vector>

/// Of everything here: 16 kHz, mono, 16 bits.
inline constexpr std::int64_t samples_per_ms = 16;

using recorded = std::vector<std::int16_t>;

/// All WAV files below a directory, those of at least a second, in order of their names. Throws
/// `std::runtime_error` where there are none or one is of another kind.
std::vector<recorded> read_recordings(const std::filesystem::path& directory);

/// Recordings one after another with a pause between them, going round, from one of them on. It
/// ends as the last of them does, in the middle of what a server works on.
class conversation {
 public:
  /// One recording's stretch of speech in the conversation, found by its loudness alone: the
  /// servers measured have no say in it.
  struct utterance {
    std::int64_t onset_ms, end_ms;
  };

  conversation(std::span<const recorded> recordings, std::size_t first,
               std::chrono::milliseconds length, std::chrono::milliseconds pause);

  std::span<const std::int16_t> samples() const { return samples_; }
  std::span<const utterance> utterances() const { return utterances_; }
  std::chrono::milliseconds length() const {
    return std::chrono::milliseconds(static_cast<std::int64_t>(samples_.size()) / samples_per_ms);
  }

  /// The utterance that something at this time belongs to: the one that began last, half a pause
  /// early.
  std::size_t utterance_at(std::int64_t ms) const;

 private:
  recorded samples_;
  std::vector<utterance> utterances_;
  std::int64_t pause_ms_;
};
