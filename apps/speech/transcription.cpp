#include "speech/transcription.hpp"

#include <utility>

#include "speech/error.hpp"
#include "speech/join.hpp"

namespace duplex::speech {
namespace {

constexpr std::int64_t samples_of_a_step = 30 * sample_rate;

}  // namespace

std::string transcription::text() const {
  std::string text;
  for (const auto& segment : segments) append_segment(text, segment.text);
  return text;
}

transcriber::transcriber(std::span<const std::byte> file, const recognizer& model,
                         const transcribe_options& options)
    : reader_(file), recognition_(model.start(recording_options)), options_(options) {}

bool transcriber::step(const std::stop_token& stop) {
  throw_if_stopped(stop);
  if (recognition_->has_final()) {
    auto decoded = recognition_->decode_final(stop);
    if (!decoded.text.empty()) result_.segments.push_back(std::move(decoded));
  } else {
    read();
  }
  return !read_all_ || recognition_->has_final();
}

void transcriber::read() {
  const std::int64_t end = result_.samples + samples_of_a_step;
  while (result_.samples < end && !recognition_->has_final()) {
    const auto block = reader_.next();
    if (block.empty()) {
      read_all_ = true;
      result_.missing_ms = reader_.missing_ms();
      recognition_->finish();
      return;
    }
    result_.samples += static_cast<std::int64_t>(block.size());
    if (result_.samples > options_.longest.count() * sample_rate) {
      throw speech_error(error_code::bad_audio,
                         "audio is longer than " + std::to_string(options_.longest.count()) + " s");
    }
    if (options_.copy != nullptr) options_.copy->write(block);
    recognition_->accept(block);
  }
}

}  // namespace duplex::speech
