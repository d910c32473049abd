// Streams of raw audio and of WAV: the samples do not depend on how the bytes were cut, and are
// samples.
#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "property.hpp"
#include "speech/audio/pcm_decoder.hpp"
#include "speech/error.hpp"

using namespace duplex::speech;
using duplex::fuzz::require;

namespace {

struct outcome {
  std::vector<float> samples;
  std::string refusal;  // with it the samples so far, which do depend on the cuts
};

outcome decode(const std::vector<std::string>& pieces, const pcm_format& format) {
  outcome result;
  const auto keep = [&](std::span<const float> samples) {
    for (const float sample : samples) {
      require(sample >= -1 && sample <= 1, "a sample is a number from -1 to 1");
    }
    result.samples.insert(result.samples.end(), samples.begin(), samples.end());
  };
  try {
    pcm_decoder decoder(format);
    for (const auto& piece : pieces) keep(decoder.decode(std::as_bytes(std::span(piece))));
    keep(decoder.finish());
  } catch (const speech_error& error) {
    require(error.code() == error_code::unsupported_format || error.code() == error_code::bad_audio,
            "what is refused is the audio");
    result.refusal = error.what();
  }
  return result;
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr pcm_encoding encodings[] = {pcm_encoding::automatic, pcm_encoding::s16le,
                                        pcm_encoding::f32le, pcm_encoding::mulaw,
                                        pcm_encoding::alaw};
  constexpr int rates[] = {16'000, 8'000, 44'100, 48'000, 192'000, 11'025, 16'001, 7'999};
  duplex::fuzz::input in(data, size);
  const pcm_format format{encodings[in.byte() % std::size(encodings)],
                          rates[in.byte() % std::size(rates)], static_cast<int>(in.byte() % 10)};
  const unsigned seed = in.byte();
  const auto bytes = in.rest();

  const auto whole = decode(duplex::fuzz::chopped(bytes, 0), format);
  const auto cut = decode(duplex::fuzz::chopped(bytes, seed), format);
  require(cut.refusal == whole.refusal, "it is refused wherever it is cut, for the same reason");
  require(!whole.refusal.empty() || cut.samples == whole.samples,
          "samples are the same wherever the bytes are cut");
  // A byte is a sample at most, and the lowest rate is half of ours.
  require(whole.samples.size() <= 2 * bytes.size() + 16, "no samples come from nowhere");
  return 0;
}
