// Transcribes recordings, several at a time, and tells of them in their order.
#pragma once

#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "speech/recognizer.hpp"
#include "transcribe/audio_source.hpp"
#include "transcribe/transcript.hpp"

namespace duplex::cli::transcribe {

struct recording {
  std::string name;
  std::function<std::unique_ptr<audio_source>(const std::stop_token&)> open;
  std::string save_as = {};  ///< a file for its transcript; empty: standard output
  double weight = 1;         ///< its share of the work, in the progress of all
};

/// Prints or saves the recordings' transcripts, `jobs` of them made at a time, with a line on how
/// far it has got on a terminal. A recording that fails is said and the others go on; SIGINT,
/// SIGTERM and SIGHUP stop it, and what was understood until then is kept. True if all were
/// transcribed to their ends.
bool transcribe_all(std::vector<recording> recordings, const speech::recognizer& model, form in,
                    unsigned jobs);

}  // namespace duplex::cli::transcribe
