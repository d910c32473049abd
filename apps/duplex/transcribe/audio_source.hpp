// Recordings as samples, whether they are files that say what they hold or raw audio.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "speech/audio/pcm_format.hpp"

namespace duplex::cli::transcribe {

/// A recording, block by block. Not thread-safe.
class audio_source {
 public:
  virtual ~audio_source() = default;

  /// About a second of mono float32 at 16 kHz, valid until the next call; empty at the end. Throws
  /// speech::speech_error where the bytes are no audio.
  virtual std::span<const float> next() = 0;
  /// The share of it that was read, from 0 to 1.
  virtual double progress() const = 0;
};

/// The recording in a file; `raw`: of what audio its bytes are, where the file does not say it.
/// Regular files are mapped, so that long ones need no memory, and must not shrink meanwhile.
/// Throws std::system_error where it cannot be read.
std::unique_ptr<audio_source> open_file(const std::string& path,
                                        const std::optional<speech::pcm_format>& raw);

/// The recording in a file that is in memory already.
std::unique_ptr<audio_source> open_bytes(std::vector<std::byte> file);

}  // namespace duplex::cli::transcribe
