// From the bytes of an audio file to its text, in steps.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "speech/audio/reader.hpp"
#include "speech/audio/wav_writer.hpp"
#include "speech/recognizer.hpp"

namespace duplex::speech {

struct transcription {
  std::vector<final_transcript> segments;  ///< Those with a text.
  std::int64_t samples = 0;                ///< Of the audio, at 16 kHz.
  std::int64_t missing_ms = 0;             ///< As `audio_reader::missing_ms`.

  /// The texts of all segments (see `append_segment`). Empty for silence.
  std::string text() const;
};

struct transcribe_options {
  std::chrono::seconds longest = std::chrono::hours(24);  ///< Longer audio is refused: `bad_audio`.
  wav_writer* copy = nullptr;  ///< Gets the samples too, if given; must outlive the work.
};

/// Decodes an audio file (see `audio_reader`) into a new stream of `model`, block by block: memory
/// does not grow with its length. After an exception only the destructor may be called.
class transcriber {
 public:
  /// `file` must outlive it. Throws `speech_error`.
  transcriber(std::span<const std::byte> file, const recognizer& model,
              const transcribe_options& options = {});

  /// Does a little: decodes one segment, or reads on to its end, half a minute at most. Gives
  /// whether there is more to do. Throws `speech_error`; `cancelled` once `stop` is requested.
  bool step(const std::stop_token& stop);

  /// What was found so far.
  const transcription& result() const { return result_; }

 private:
  void read();

  audio_reader reader_;
  std::unique_ptr<recognition> recognition_;
  transcribe_options options_;
  transcription result_;
  bool read_all_ = false;
};

}  // namespace duplex::speech
