#include "speech/models.hpp"

#include <algorithm>
#include <cstdlib>
#include <set>
#include <stdexcept>
#include <utility>

#include "speech/error.hpp"
#include "speech/recognizers/moonshine.hpp"
#include "speech/recognizers/offline.hpp"
#include "speech/recognizers/onnx.hpp"
#include "speech/segmentation/silero_vad.hpp"

namespace duplex::speech {
namespace fs = std::filesystem;
namespace {

std::string_view environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

std::vector<std::string> known_models(const fs::path& models) {
  std::vector<std::string> names;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(models, ignored)) {
    if (fs::exists(entry.path() / "encoder_model.onnx"))
      names.push_back(entry.path().filename().string());
  }
  std::ranges::sort(names);
  return names;
}

fs::path locate(const std::string& name_or_directory, const fs::path& models) {
  if (const fs::path known = models / full_model_name(name_or_directory); fs::is_directory(known))
    return known;
  if (fs::is_directory(name_or_directory)) return fs::canonical(name_or_directory);
  const auto names = known_models(models);
  throw std::runtime_error(
      "no model \"" + name_or_directory + "\": neither a directory nor in " + models.string() +
      (names.empty() ? " (run script/bootstrap)" : ", which has " + joined(names)));
}

}  // namespace

fs::path data_directory() {
  if (const auto data = environment("DUPLEX_DATA"); !data.empty()) return data;
  if (const auto home = environment("XDG_DATA_HOME"); !home.empty())
    return fs::path(home) / "duplex";
  return fs::path(environment("HOME")) / ".local/share/duplex";
}

std::string full_model_name(std::string_view name) {
  if (name == "tiny" || name == "base") return "moonshine-" + std::string(name);
  return std::string(name);
}

std::shared_ptr<const recognizer> load_recognizer(const std::string& name_or_directory,
                                                  const model_options& options) {
  const fs::path directory = locate(name_or_directory, options.data / "models");
  onnx::load(options.onnxruntime.empty() ? options.data / "onnxruntime/lib/libonnxruntime.so"
                                         : options.onnxruntime);
  silero_vad vad(options.data / "models/silero-vad/silero_vad_v5.onnx");
  auto model = std::make_shared<const moonshine>(directory);
  return std::make_shared<const offline_recognizer>(directory.filename().string(), "en",
                                                    std::move(model), std::move(vad));
}

void require_language(std::string_view lang, const recognizer& model) {
  const std::string_view primary = lang.substr(0, lang.find_first_of("-_"));
  if (lang.empty() || lang == "auto" || primary == model.language()) return;
  throw speech_error(error_code::bad_field, "lang: model " + std::string(model.name()) +
                                                " understands " + std::string(model.language()) +
                                                ", not " + std::string(lang));
}

model_set::model_set(std::vector<std::shared_ptr<const recognizer>> models)
    : models_(std::move(models)) {
  if (models_.empty()) throw std::runtime_error("no model to serve");
  std::set<std::string_view> seen;
  for (const auto& model : models_) {
    if (!seen.insert(model->name()).second) {
      throw std::runtime_error("two models are named " + std::string(model->name()));
    }
  }
}

const recognizer& model_set::find(std::string_view name) const {
  const std::string full = full_model_name(name);
  const auto found =
      std::ranges::find_if(models_, [&](const auto& model) { return model->name() == full; });
  if (found == models_.end()) {
    throw speech_error(
        error_code::model_not_found,
        "no model \"" + std::string(name.substr(0, 64)) + "\" here, only " + joined(names()));
  }
  return **found;
}

std::vector<std::string> model_set::names() const {
  std::vector<std::string> names;
  for (const auto& model : models_) names.emplace_back(model->name());
  return names;
}

}  // namespace duplex::speech
