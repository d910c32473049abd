// Reads audio files as the samples that recognisers take.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "speech/audio/byte_source.hpp"
#include "speech/audio/mono_converter.hpp"

namespace duplex::speech {

/// One file's samples, block by block: mono float32 in [-1, 1] at 16 kHz, whatever the file holds.
///
/// Files: what libsndfile reads, among them WAV (8 to 32-bit PCM, float, mu-law, A-law), FLAC, Ogg
/// (Vorbis, Opus) and MP3; 8 to 192 kHz; 1 to 8 channels, which are averaged. Resampled by soxr. A
/// WAV header that promises more audio than there is, or none, yields what is there. Samples that
/// are no number are taken for 0.
///
/// Needs memory for one block only, however long the file. libmpg123, which libsndfile reads MP3
/// with, says on standard error what is wrong with damaged files, and cannot be kept from it. Not
/// thread-safe.
class audio_reader {
 public:
  /// `file` is read in place and must outlive the reader. Throws `speech_error` with `bad_audio`
  /// that says why the bytes cannot be read.
  explicit audio_reader(std::span<const std::byte> file);
  /// The same of a file that is elsewhere. Throws, and `next` does, what its `check` throws.
  explicit audio_reader(std::unique_ptr<byte_source> file);
  ~audio_reader();

  audio_reader(const audio_reader&) = delete;
  audio_reader& operator=(const audio_reader&) = delete;

  /// The next block, about a second; valid until the next call. Empty at the end. Throws
  /// `speech_error` with `bad_audio` if there was no audio at all.
  std::span<const float> next();

  /// The share of the file's bytes that was read, from 0 to 1.
  double progress() const;

  /// At the end: how many milliseconds the file lacks of the audio that its header promises. Of WAV
  /// and FLAC; others do not say it, and are lacking nothing.
  std::int64_t missing_ms() const;

  int rate() const;      ///< Of the file, in Hz.
  int channels() const;  ///< Of the file.

 private:
  class file;

  static std::unique_ptr<file> open(std::unique_ptr<byte_source> source);

  std::unique_ptr<file> file_;
  mono_converter converter_;
  bool is_empty_ = true;  // nothing read so far
};

/// Whether so many milliseconds that were promised and are not there are more than an inaccuracy.
inline bool is_cut(std::int64_t missing_ms) { return missing_ms > 100; }

}  // namespace duplex::speech
