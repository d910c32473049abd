// Tells by the files of a directory which model of sherpa-onnx it holds, and whether they can be
// loaded.
#pragma once

#include <filesystem>
#include <set>
#include <string>

namespace duplex::speech {

enum class sherpa_family {
  online_transducer,  // these three read speech as it comes
  online_paraformer,
  online_zipformer_ctc,
  transducer,  // all others read whole stretches of it
  paraformer,
  sense_voice,
  whisper,
  zipformer_ctc,
  moonshine,
};

/// The files of a model; those that its family does not have are empty.
struct sherpa_files {
  sherpa_family family = sherpa_family::transducer;
  std::string tokens;
  std::string encoder;
  std::string decoder;
  std::string joiner;            ///< Of transducers.
  std::string model;             ///< Where a single file is the model.
  std::string preprocessor;      ///< These two of Moonshine,
  std::string uncached_decoder;  ///<   whose `decoder` is the cached one.
  int lookahead = 0;  ///< Of those that read as it comes: what is read of a frame of 10 ms is known
                      ///< after so many more.
};

bool is_streaming(sherpa_family family);

/// Whether there are models in `directory` that are not this project's own Moonshine.
bool holds_sherpa_model(const std::filesystem::path& directory);

/// Looks at the names of the files, and at the inputs and metadata of the models. Where a model is
/// there in several precisions, the one of 8-bit integers is taken. sherpa-onnx ends the process
/// over a file that it cannot read: everything is read here first. Throws `std::runtime_error` that
/// names the file that is missing or wrong. ONNX Runtime must have been loaded.
sherpa_files find_sherpa_model(const std::filesystem::path& directory);

/// Reads a table of tokens as sherpa-onnx does: "<token> <id>" a line, a lone id for the space.
/// Returns the tokens. Throws `std::runtime_error` that names the file and the line.
std::set<std::string> check_sherpa_tokens(const std::filesystem::path& file);

}  // namespace duplex::speech
