#include "speech/models.hpp"

#include <cstdlib>
#include <set>
#include <stdexcept>
#include <utility>

#include "speech/model_set.hpp"
#include "speech/recognizers/moonshine.hpp"
#include "speech/recognizers/offline.hpp"
#include "speech/recognizers/onnx.hpp"
#include "speech/recognizers/sherpa.hpp"
#include "speech/recognizers/sherpa_files.hpp"
#include "speech/segmentation/silero_vad.hpp"
#include "speech/utf8.hpp"

namespace duplex::speech {
namespace fs = std::filesystem;
namespace {

std::string_view environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

// Their names, such as "moonshine-base, moonshine-tiny".
std::string known_models(const fs::path& models) {
  std::set<std::string> names;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(models, ignored)) {
    if (fs::exists(entry.path() / "encoder_model.onnx")) names.insert(entry.path().filename());
  }
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

fs::path locate(const std::string& name_or_directory, const fs::path& models) {
  if (const fs::path known = models / full_model_name(name_or_directory); fs::is_directory(known))
    return known;
  if (fs::is_directory(name_or_directory)) return fs::canonical(name_or_directory);
  const auto names = known_models(models);
  throw std::runtime_error("no model \"" + name_or_directory + "\": neither a directory nor in " +
                           models.string() +
                           (names.empty() ? " (run script/bootstrap)" : ", which has " + names));
}

// Whatever the kind, a model has such files.
void require_model_files(const fs::path& directory) {
  for (const auto& entry : fs::directory_iterator(directory)) {
    if (entry.path().extension() == ".onnx") return;
  }
  throw std::runtime_error(
      "no model in " + directory.string() +
      ": neither Moonshine's encoder_model.onnx nor the .onnx files of a model "
      "of sherpa-onnx");
}

}  // namespace

fs::path data_directory() {
  if (const auto data = environment("DUPLEX_DATA"); !data.empty()) return data;
  if (const auto home = environment("XDG_DATA_HOME"); !home.empty())
    return fs::path(home) / "duplex";
  return fs::path(environment("HOME")) / ".local/share/duplex";
}

std::shared_ptr<const recognizer> load_recognizer(const std::string& name_or_directory,
                                                  const model_options& options) {
  const fs::path directory = locate(name_or_directory, options.data / "models");
  require_model_files(directory);
  onnx::load(options.onnxruntime.empty() ? options.data / "onnxruntime/lib/libonnxruntime.so"
                                         : options.onnxruntime);
  silero_vad vad(options.data / "models/silero-vad/silero_vad_v5.onnx");
  const std::string name = to_valid_utf8(directory.filename().string());
  std::shared_ptr<const offline_model> model;
  if (!holds_sherpa_model(directory)) {
    model = std::make_shared<const moonshine>(directory);
    return std::make_shared<const offline_recognizer>(name, "en", std::move(model), std::move(vad));
  }
  model = std::make_shared<const sherpa_model>(
      directory, options.sherpa.empty() ? options.data / "onnxruntime/lib/libsherpa-onnx-c-api.so"
                                        : options.sherpa);
  return std::make_shared<const offline_recognizer>(name, std::string(any_language),
                                                    std::move(model), std::move(vad));
}

}  // namespace duplex::speech
