// Makes a recogniser out of a model that reads stretches of speech.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <stop_token>
#include <string>

#include "speech/recognizer.hpp"
#include "speech/segmentation/silero_vad.hpp"

namespace duplex::speech {

/// What a stretch of speech was read as.
struct reading {
  std::string text;        ///< As the model has it.
  std::size_t stable = 0;  ///< So many bytes of it begin every later reading.
};

/// Reads one stretch of speech, again and again while it grows. One caller at a time.
class segment_reader {
 public:
  virtual ~segment_reader() = default;

  /// Reads `speech` (16 kHz mono): what the last call was given, and more. No later call, nor
  /// `read_whole`, will have less than the first `certain` samples of it. `stop` as in
  /// `recognition`.
  virtual reading read(std::span<const float> speech, std::size_t certain,
                       const std::stop_token& stop) = 0;

  /// Reads all of it, for the last time.
  virtual std::string read_whole(std::span<const float> speech, const std::stop_token& stop) = 0;
};

/// A model that turns one stretch of speech into text. Thread-safe.
class offline_model {
 public:
  virtual ~offline_model() = default;

  /// For a new stretch of speech. The model must outlive it.
  virtual std::unique_ptr<segment_reader> start() const = 0;

  /// Whether its readers take only what is new of a growing stretch. They are given the sound as it
  /// came: how much louder others are given it depends on all of the stretch.
  virtual bool is_streaming() const { return false; }
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
