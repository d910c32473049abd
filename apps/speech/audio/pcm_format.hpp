// What a client says of the raw audio it is going to send.
#pragma once

#include <string_view>

namespace duplex::speech {

enum class pcm_encoding {
  automatic,  ///< What a WAV header at the front says; without one `s16le`.
  s16le,      ///< 16-bit integers, little-endian.
  f32le,      ///< IEEE 754 binary32 in [-1, 1], little-endian.
  mulaw,      ///< G.711's mu-law: North America's and Japan's telephones.
  alaw,       ///< G.711's A-law: the others.
};

/// The encoding's name in protocols and options: `auto`, `pcm_s16le`, `pcm_f32le`, `pcm_mulaw`,
/// `pcm_alaw`.
std::string_view to_string(pcm_encoding encoding);

/// The encoding of that name. Throws `speech_error` with `unsupported_format` that names the value
/// and what there is.
pcm_encoding parse_pcm_encoding(std::string_view name);

struct pcm_format {
  pcm_encoding encoding = pcm_encoding::s16le;
  int rate = 16'000;  ///< Frames a second, 8000 to 192000.
  int channels = 1;   ///< 1 to 8, interleaved.

  bool operator==(const pcm_format&) const = default;
};

/// Throws `speech_error` with `unsupported_format` that names the rate or number of channels which
/// is out of range.
void check(const pcm_format& format);

}  // namespace duplex::speech
