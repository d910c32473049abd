// Silero's voice-activity detector, version 5, on ONNX Runtime.
#pragma once

#include <filesystem>
#include <memory>

#include "speech/segmentation/voice_activity.hpp"

namespace duplex::speech {

/// The detector's model, loaded once; each stream has a small state of its own. Thread-safe.
class silero_vad {
 public:
  /// Loads the model file; ONNX Runtime must have been loaded. Throws `std::runtime_error` that
  /// names the file.
  explicit silero_vad(const std::filesystem::path& model);
  ~silero_vad();

  /// A detector for one stream. It keeps the model alive.
  std::unique_ptr<voice_activity> start() const;

 private:
  class model;
  class stream;
  std::shared_ptr<const model> model_;
};

}  // namespace duplex::speech
