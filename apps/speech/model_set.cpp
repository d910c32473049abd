#include "speech/model_set.hpp"

#include <algorithm>
#include <set>
#include <stdexcept>
#include <utility>

#include "speech/error.hpp"

namespace duplex::speech {

std::string full_model_name(std::string_view name) {
  if (name == "tiny" || name == "base") return "moonshine-" + std::string(name);
  return std::string(name);
}

void require_language(std::string_view lang, const recognizer& model) {
  const std::string_view primary = lang.substr(0, lang.find_first_of("-_"));
  if (lang.empty() || lang == any_language || model.language() == any_language) return;
  if (primary == model.language()) return;
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
    std::string known;
    for (const std::string& each : names()) known += (known.empty() ? "" : ", ") + each;
    throw speech_error(error_code::model_not_found,
                       "no model \"" + std::string(name.substr(0, 64)) + "\" here, only " + known);
  }
  return **found;
}

std::vector<std::string> model_set::names() const {
  std::vector<std::string> names;
  for (const auto& model : models_) names.emplace_back(model->name());
  return names;
}

}  // namespace duplex::speech
