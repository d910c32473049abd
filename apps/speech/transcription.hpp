// From the bytes of an audio file to its text, in one call.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "speech/audio/wav_writer.hpp"
#include "speech/recognizer.hpp"

namespace duplex::speech {

struct transcription {
  std::vector<final_transcript> segments;  ///< Those with a text.
  std::int64_t samples = 0;                ///< Of the audio, at 16 kHz.

  /// The texts of all segments, with a space between them. Empty for silence.
  std::string text() const;
};

struct transcribe_options {
  std::chrono::seconds longest = std::chrono::hours(24);  ///< Longer audio is refused: `bad_audio`.
  wav_writer* copy = nullptr;                             ///< Gets the samples too, if given.
  std::stop_token stop = {};                              ///< As in `recognition`.
};

/// Decodes an audio file (see `audio_reader`) into a new stream of `model`, block by block: memory
/// does not grow with its length. Throws `speech_error`.
transcription transcribe(std::span<const std::byte> file, const recognizer& model,
                         const transcribe_options& options = {});

}  // namespace duplex::speech
