// Recordings as samples, whether they are files that say what they hold or raw audio.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
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
  /// At the end: milliseconds of audio that the file promised and does not have, as one that was
  /// cut; 0 where it does not say.
  virtual std::int64_t missing_ms() const = 0;
};

/// What is no regular file, such as a named pipe, is read to its end first, and may have so much.
inline constexpr std::size_t longest_pipe = std::size_t{1} << 30;

/// Throws std::runtime_error that tells what to do where so many bytes came out of a pipe.
void check_pipe(std::size_t size);

/// The recording in a file; `raw`: of what audio its bytes are, where the file does not say it.
/// Throws std::system_error where it cannot be read, also from `next`; and as
/// speech::throw_if_stopped where a pipe is waited for and `stop` comes.
std::unique_ptr<audio_source> open_file(const std::string& path,
                                        const std::optional<speech::pcm_format>& raw,
                                        const std::stop_token& stop);

/// The recording in a file that is in memory already.
std::unique_ptr<audio_source> open_bytes(std::vector<std::byte> file);

}  // namespace duplex::cli::transcribe
