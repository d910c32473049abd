// What a live stream tells of the audio it was given.
#pragma once

#include <cstdint>
#include <string>
#include <variant>

#include "speech/error.hpp"
#include "speech/recognizer.hpp"

namespace duplex::speech {

/// So many bytes of the audio, from the stream's start, are dealt with: what may be sent instead.
struct audio_processed {
  std::int64_t bytes = 0;

  bool operator==(const audio_processed&) const = default;
};

/// Everything was heard and every final told. The last event of a stream.
struct stream_finished {
  std::int64_t audio_ms = 0;

  bool operator==(const stream_finished&) const = default;
};

/// The stream ends here, without the finals that were still to come. Its last event.
struct stream_failed {
  error_code code = error_code::engine_failed;
  std::string message;

  bool operator==(const stream_failed&) const = default;
};

using stream_event =
    std::variant<speech_started, speech_ended, partial_transcript, final_transcript,
                 audio_processed, stream_finished, stream_failed>;

}  // namespace duplex::speech
