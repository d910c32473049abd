// Runs audio files through a recogniser, without the request protocol around it.
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "speech/audio/reader.hpp"
#include "speech/recognizer.hpp"

namespace duplex::speech {

/// All events of one stream made of `samples`, given in blocks of `block` samples.
inline std::vector<transcript_event> events_of(const recognizer& model,
                                               std::span<const float> samples,
                                               std::size_t block = sample_rate) {
  std::vector<transcript_event> events;
  const auto stream = model.start();
  while (!samples.empty()) {
    const auto part = samples.first(std::min(block, samples.size()));
    for (auto& event : stream->accept(part)) events.push_back(event);
    samples = samples.subspan(part.size());
  }
  for (auto& event : stream->finish()) events.push_back(event);
  return events;
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

/// The texts of `events`, a space between them.
inline std::string text_of(const std::vector<transcript_event>& events) {
  std::string text;
  for (const auto& event : events) text += (text.empty() ? "" : " ") + event.text;
  return text;
}

}  // namespace duplex::speech
