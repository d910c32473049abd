// Audio files of every kind that libsndfile knows: they are read or refused, and samples are
// samples.
#include <cstdint>
#include <span>

#include "property.hpp"
#include "speech/audio/reader.hpp"
#include "speech/error.hpp"

using namespace duplex::speech;
using duplex::fuzz::require;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) try {
  constexpr std::size_t enough = 1 << 24;  // formats that repeat themselves can go on for long
  audio_reader reader(std::as_bytes(std::span(data, size)));
  std::size_t count = 0;
  for (auto block = reader.next(); !block.empty() && count < enough; block = reader.next()) {
    for (const float sample : block) {
      require(sample >= -1 && sample <= 1, "a sample is a number from -1 to 1");
    }
    count += block.size();
  }
  return 0;
} catch (const speech_error& error) {
  require(error.code() == error_code::bad_audio, "what is refused is the audio");
  return 0;
}
