#include "speech/transcription.hpp"

#include <utility>

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
  audio_reader reader(file);
  const auto recognition = model.start(recording_options);
  const auto decode_ended = [&] {
    throw_if_stopped(options.stop);
    while (recognition->has_final()) {
      auto decoded = recognition->decode_final(options.stop);
      if (!decoded.text.empty()) result.segments.push_back(std::move(decoded));
    }
  };
  for (auto block = reader.next(); !block.empty(); block = reader.next()) {
    result.samples += static_cast<std::int64_t>(block.size());
    if (result.samples > options.longest.count() * sample_rate) {
      throw speech_error(error_code::bad_audio,
                         "audio is longer than " + std::to_string(options.longest.count()) + " s");
    }
    if (options.copy != nullptr) options.copy->write(block);
    recognition->accept(block);
    decode_ended();
  }
  recognition->finish();
  decode_ended();
  return result;
}

}  // namespace duplex::speech
