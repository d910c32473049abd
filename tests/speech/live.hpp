// Streams audio through a recogniser as a live client's arrives, and watches what is told.
#pragma once

#include <chrono>
#include <cstddef>
#include <span>
#include <vector>

#include "speech/recognizer.hpp"

namespace duplex::speech {

/// What one stream, or several, came to.
struct live_result {
  std::vector<final_transcript> finals;  ///< Those with a text.
  std::size_t partials = 0;
  std::size_t words = 0;   ///< Of the finals.
  std::size_t erased = 0;  ///< Words of partials that the next one, or the final, had not in place.
  std::size_t unstable = 0;     ///< Words of partials that were not stable yet.
  double listening = 0;         ///< Seconds of processor time in `accept`,
  double partial_decoding = 0;  ///<   in `decode_partial`,
  double final_decoding = 0;    ///<   and in `decode_final`.
  double slowest_partial = 0;   ///< Seconds of processor time.
  double seconds = 0;           ///< Of audio.

  live_result& operator+=(const live_result& other);
};

struct live_options {
  std::chrono::milliseconds chunk{100};
  std::chrono::milliseconds partial_interval{1000};  ///< 0: no partials
  stream_options stream = {};
};

/// Accepts `samples` chunk by chunk, decodes what has ended at once, and partials when due. Throws
/// `std::logic_error` where a stable part changes or a promise of `recognition` is broken.
live_result stream_live(const recognizer& model, std::span<const float> samples,
                        const live_options& options = {});

}  // namespace duplex::speech
