// Tells by the files of a directory which model of sherpa-onnx it holds, and whether they can be
// loaded.
#pragma once

#include <filesystem>
#include <string>

namespace duplex::speech {

enum class sherpa_family {
  online_transducer,  // these two read speech as it comes
  online_paraformer,
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
};

/// Whether there are models in `directory` that are not this project's own Moonshine.
bool holds_sherpa_model(const std::filesystem::path& directory);

/// Looks at the names of the files, and at the inputs of the models. Where a model is there in
/// several precisions, the one of 8-bit integers is taken. sherpa-onnx ends the process over a file
/// that it cannot read: everything is read here first. Throws `std::runtime_error` that names the
/// file that is missing or wrong. ONNX Runtime must have been loaded.
sherpa_files find_sherpa_model(const std::filesystem::path& directory);

/// Reads a table of tokens as sherpa-onnx does: "<token> <id>" a line, a lone id for the space.
/// Throws `std::runtime_error` that names the file and the line.
void check_sherpa_tokens(const std::filesystem::path& file);

}  // namespace duplex::speech
