// The models that a server offers, by name.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "speech/recognizer.hpp"

namespace duplex::speech {

/// A model's full name: `moonshine-tiny` for the short `tiny`, `moonshine-base` for `base`, others
/// as they are.
std::string full_model_name(std::string_view name);

/// Throws `speech_error` with `bad_field` unless `lang`, such as `en`, `en-GB` or `auto`, is what
/// the model understands, or empty.
void require_language(std::string_view lang, const recognizer& model);

/// The models that a server offers. The first is the default.
class model_set {
 public:
  /// At least one. Throws `std::runtime_error` if two have the same name.
  explicit model_set(std::vector<std::shared_ptr<const recognizer>> models);

  const recognizer& default_model() const { return *models_.front(); }

  /// The model of that full or short name. Throws `speech_error` with `model_not_found`.
  const recognizer& find(std::string_view name) const;

  /// Names, the default first.
  std::vector<std::string> names() const;

 private:
  std::vector<std::shared_ptr<const recognizer>> models_;
};

}  // namespace duplex::speech
