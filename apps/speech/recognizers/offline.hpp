// Makes a recogniser out of a model that reads only finished stretches of speech.
#pragma once

#include <memory>
#include <span>
#include <stop_token>
#include <string>

#include "speech/recognizer.hpp"
#include "speech/segmentation/silero_vad.hpp"

namespace duplex::speech {

/// A model that turns one stretch of speech into text, all at once. Thread-safe.
class offline_model {
 public:
  virtual ~offline_model() = default;

  /// The text of `speech` (16 kHz mono), as the model has it. `stop` as in `recognition`.
  virtual std::string transcribe(std::span<const float> speech,
                                 const std::stop_token& stop) const = 0;
};

/// Cuts each stream into stretches of speech and gives every one to `model`; silence never reaches
/// it.
class offline_recognizer : public recognizer {
 public:
  offline_recognizer(std::string name, std::string language,
                     std::shared_ptr<const offline_model> model, silero_vad vad);

  std::string_view name() const override { return name_; }
  std::string_view language() const override { return language_; }
  std::unique_ptr<recognition> start(const stream_options& options = {}) const override;

 private:
  std::string name_;
  std::string language_;
  std::shared_ptr<const offline_model> model_;
  silero_vad vad_;
};

}  // namespace duplex::speech
