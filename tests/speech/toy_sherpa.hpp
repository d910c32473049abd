// Toys of the model families that sherpa-onnx reads as speech comes: what is loudest of ten
// neighbouring bands of sound becomes a token.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "toy_onnx.hpp"

namespace duplex::speech {

/// The metadata of each toy's encoder, or only file.
toy_metadata toy_transducer_metadata();  // of the kind "lstm", which has the fewest states
toy_metadata toy_paraformer_metadata();
toy_metadata toy_frames_metadata();  // the part of it that offline models have as well
toy_metadata toy_zipformer_ctc_metadata();

/// Write the files of a model into `directory`, but for `tokens.txt`. The transducer reads a token
/// each 40 ms, the paraformer one each 120 ms; the zipformer reads one each 80 ms, and one that
/// goes on once. Each needs frames after those that it tells of.
void put_toy_transducer(const std::filesystem::path& directory);
void put_toy_paraformer(const std::filesystem::path& directory);
void put_toy_zipformer_ctc(const std::filesystem::path& directory);

/// `tokens.txt`: the blank, and nine more.
void put_toy_tokens(const std::filesystem::path& directory, const std::vector<std::string>& tokens);

}  // namespace duplex::speech
