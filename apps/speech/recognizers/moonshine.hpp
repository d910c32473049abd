// Moonshine, the English model of the server: encoder, decoder and vocabulary on ONNX Runtime.
#pragma once

#include <filesystem>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "speech/recognizers/offline.hpp"

namespace duplex::speech {

/// Moonshine (Jeffries et al., "Moonshine: Speech Recognition for Live Transcription and Voice
/// Commands", 2024) in the quantised ONNX form of its authors. Thread-safe: all streams share it.
///
/// Good for stretches from 0.1 s to about 25 s; longer ones degrade.
class moonshine : public offline_model {
 public:
  /// Loads `encoder_model.onnx`, `decoder_model_merged.onnx` and `tokens.txt` from `directory`;
  /// ONNX Runtime must have been loaded. Throws `std::runtime_error` that says which file is
  /// missing or wrong.
  explicit moonshine(const std::filesystem::path& directory);
  ~moonshine() override;

  /// Greedy decoding, at most 6.5 tokens a second of speech. What successive readings agree on is
  /// forced into those that follow.
  std::unique_ptr<segment_reader> start() const override;

 private:
  class decoder;
  class encoder;
  class reader;

  std::unique_ptr<const encoder> encoder_;
  std::unique_ptr<const decoder> decoder_;
  std::vector<std::string> tokens_;  // the bytes that each token id stands for
};

/// Reads a vocabulary: line n is "<n> <hex of the bytes token n stands for>", `count` lines. Throws
/// `std::runtime_error` that names the file and the line.
std::vector<std::string> read_tokens(const std::filesystem::path& file, std::size_t count);

}  // namespace duplex::speech
