// The user's own models, of any language, read by sherpa-onnx.
#pragma once

#include <filesystem>
#include <memory>

#include "speech/recognizers/offline.hpp"

namespace duplex::speech {

/// A model of sherpa-onnx. Those that read speech as it comes (streaming transducers, paraformer
/// and zipformer CTC) are given what is new of a segment, and what they read is stable but for the
/// last word; others are given the whole of it each time, without a stable part. Thread-safe.
class sherpa_model : public offline_model {
 public:
  /// Loads the model in `directory` with the shared library `library`, which is opened at the first
  /// one; ONNX Runtime must have been loaded. Throws `std::runtime_error` that says which file is
  /// missing or wrong.
  sherpa_model(const std::filesystem::path& directory, const std::filesystem::path& library);
  ~sherpa_model() override;

  std::unique_ptr<segment_reader> start() const override;
  bool is_streaming() const override { return is_streaming_; }

 private:
  class engine;
  class offline_engine;
  class online_engine;

  std::unique_ptr<const engine> engine_;
  bool is_streaming_ = false;
};

}  // namespace duplex::speech
