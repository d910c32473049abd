#include "speech/transcription.hpp"

#include <algorithm>
#include <iterator>

#include "speech/audio/reader.hpp"
#include "speech/error.hpp"

namespace duplex::speech {

std::string transcription::text() const {
  std::string text;
  for (const auto& segment : segments) text += (text.empty() ? "" : " ") + segment.text;
  return text;
}

transcription transcribe(std::span<const std::byte> file, const recognizer& model,
                         const transcribe_options& options) {
  transcription result;
  const auto keep = [&](std::vector<transcript_event> events) {
    std::ranges::move(events, std::back_inserter(result.segments));
  };
  audio_reader reader(file);
  const auto recognition = model.start();
  for (auto block = reader.next(); !block.empty(); block = reader.next()) {
    result.samples += static_cast<std::int64_t>(block.size());
    if (result.samples > options.longest.count() * sample_rate) {
      throw speech_error(error_code::bad_audio,
                         "audio is longer than " + std::to_string(options.longest.count()) + " s");
    }
    if (options.copy != nullptr) options.copy->write(block);
    keep(recognition->accept(block, options.stop));
  }
  keep(recognition->finish(options.stop));
  return result;
}

}  // namespace duplex::speech
