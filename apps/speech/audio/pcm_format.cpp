#include "speech/audio/pcm_format.hpp"

#include <string>

#include "speech/audio/mono_converter.hpp"
#include "speech/error.hpp"

namespace duplex::speech {
namespace {

constexpr pcm_encoding encodings[] = {pcm_encoding::automatic, pcm_encoding::s16le,
                                      pcm_encoding::f32le, pcm_encoding::mulaw, pcm_encoding::alaw};

}  // namespace

std::string_view to_string(pcm_encoding encoding) {
  switch (encoding) {
    case pcm_encoding::automatic:
      return "auto";
    case pcm_encoding::s16le:
      return "pcm_s16le";
    case pcm_encoding::f32le:
      return "pcm_f32le";
    case pcm_encoding::mulaw:
      return "pcm_mulaw";
    case pcm_encoding::alaw:
      break;
  }
  return "pcm_alaw";
}

pcm_encoding parse_pcm_encoding(std::string_view name) {
  std::string known;
  for (const auto encoding : encodings) {
    if (name == to_string(encoding)) return encoding;
    known += (known.empty() ? "" : ", ") + std::string(to_string(encoding));
  }
  throw speech_error(error_code::unsupported_format,
                     "format \"" + std::string(name.substr(0, 64)) + "\" is none of " + known);
}

void check(const pcm_format& format) {
  check_frames(format.rate, format.channels, error_code::unsupported_format);
}

}  // namespace duplex::speech
