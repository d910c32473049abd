// Runs audio files through a recogniser, without the request protocol around it.
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "speech/audio/reader.hpp"
#include "speech/recognizer.hpp"

namespace duplex::speech {

/// The finals with a text of one stream made of `samples`, given in blocks of `block` samples.
inline std::vector<final_transcript> finals_of(const recognizer& model,
                                               std::span<const float> samples,
                                               std::size_t block = sample_rate,
                                               const stream_options& options = recording_options) {
  std::vector<final_transcript> finals;
  const auto stream = model.start(options);
  const auto decode_ended = [&] {
    while (stream->has_final()) {
      auto decoded = stream->decode_final({});
      if (!decoded.text.empty()) finals.push_back(std::move(decoded));
    }
  };
  while (!samples.empty()) {
    const auto part = samples.first(std::min(block, samples.size()));
    stream->accept(part);
    decode_ended();
    samples = samples.subspan(part.size());
  }
  stream->finish();
  decode_ended();
  return finals;
}

/// The samples of an audio file's bytes.
inline std::vector<float> samples_of(const std::string& file) {
  audio_reader reader(std::as_bytes(std::span(file)));
  std::vector<float> samples;
  for (auto block = reader.next(); !block.empty(); block = reader.next()) {
    samples.insert(samples.end(), block.begin(), block.end());
  }
  return samples;
}

/// The texts of `finals`, a space between them.
inline std::string text_of(const std::vector<final_transcript>& finals) {
  std::string text;
  for (const auto& it : finals) text += (text.empty() ? "" : " ") + it.text;
  return text;
}

}  // namespace duplex::speech
