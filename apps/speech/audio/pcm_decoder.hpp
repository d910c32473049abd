// Decodes a stream of raw audio bytes, as they come, into the samples that recognisers take.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "speech/audio/mono_converter.hpp"
#include "speech/audio/pcm_format.hpp"
#include "speech/audio/wav_header.hpp"

namespace duplex::speech {

/// Mono float32 in [-1, 1] at 16 kHz out of bytes cut anywhere, even inside a sample: what comes
/// out does not depend on the cuts. Channels, resampling, and samples that are no number: as
/// `mono_converter` has them.
///
/// With `automatic` a WAV header at the front says what follows: PCM of 8 to 32 bits, float of 32
/// or 64, mu-law, A-law, also as WAVE_FORMAT_EXTENSIBLE. Audio ends where the header says, or with
/// the stream if it leaves that open, and chunks behind it are ignored. Other files are refused
/// rather than heard as noise: `foreign_container`.
///
/// Holds a header's few bytes, and the samples of one call: give what is long in pieces. After an
/// exception only the destructor may be called. Not thread-safe.
class pcm_decoder {
 public:
  /// Throws `speech_error` with `unsupported_format` as `check(format)`.
  explicit pcm_decoder(const pcm_format& format);

  /// The samples that `bytes` complete; valid until the next call. Throws `speech_error`:
  /// `bad_audio` for a broken WAV header, `unsupported_format` for one of what is not listed above
  /// and for other files.
  std::span<const float> decode(std::span<const std::byte> bytes);

  /// The end of the stream: the samples that resampling held back. A sample that is not whole is
  /// dropped. Throws as `decode`, and `bad_audio` where a WAV header is not whole. Nothing may
  /// follow.
  std::span<const float> finish();

  /// After `finish`: how many milliseconds of audio a WAV header promised that did not come.
  std::int64_t missing_ms() const;

 private:
  enum class stage { identifying, header, audio };

  // How samples stand in bytes.
  struct layout {
    std::size_t size = 0;  // of a sample
    void (*read)(std::span<const std::byte> bytes, std::span<float> samples) = nullptr;
  };

  static layout layout_of(pcm_encoding encoding);
  static layout layout_of(const wav_header& header);

  bool identify();
  bool read_header(std::span<const std::byte>& bytes);
  void begin(const layout& samples, int rate, int channels);
  std::span<const float> decode_frames(std::span<const std::byte> bytes);

  pcm_format format_;
  stage stage_ = stage::identifying;
  std::vector<std::byte> held_;  // the first bytes of the stream, or those of a frame not yet whole
  wav_header header_;
  layout layout_;
  std::size_t channels_ = 0;
  std::optional<std::size_t> left_;  // bytes of audio to come, where a header says it
  std::vector<float> samples_;
  std::optional<mono_converter> converter_;
};

/// How many bytes of a stream `foreign_container` looks at.
inline constexpr std::size_t container_mark_size = 12;

/// What kind of file, other than WAV, begins with these bytes, such as "FLAC" or "WebM"; empty:
/// none that is known by its mark, or too few bytes.
std::string_view foreign_container(std::span<const std::byte> start);

}  // namespace duplex::speech
