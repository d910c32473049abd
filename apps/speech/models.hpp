// Finds models on disk and loads them, for the set that a server offers.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "speech/model_set.hpp"
#include "speech/recognizer.hpp"

namespace duplex::speech {

/// Where script/bootstrap puts models and ONNX Runtime: `$DUPLEX_DATA`, else
/// `$XDG_DATA_HOME/duplex`, else
/// `$HOME/.local/share/duplex`.
std::filesystem::path data_directory();

struct model_options {
  std::filesystem::path data = data_directory();
  std::filesystem::path onnxruntime = {};  ///< The shared library; empty: the one in `data`.
  std::filesystem::path sherpa = {};       ///< Likewise; only opened for a model that needs it.
};

/// Loads one model: a directory that has its files, or a name known under `data/models`. Moonshine
/// takes about half a second; any other directory is taken for a model of sherpa-onnx (see
/// `find_sherpa_model`). Throws `std::runtime_error` that says which file or name is missing or
/// wrong.
std::shared_ptr<const recognizer> load_recognizer(const std::string& name_or_directory,
                                                  const model_options& options = {});

}  // namespace duplex::speech
