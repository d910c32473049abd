// Reads the header of a WAV file that comes in pieces.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

namespace duplex::speech {

/// A WAV header's parser ("Multimedia Programming Interface and Data Specifications 1.0", Microsoft
/// and IBM, 1991: RIFF, chunks of which `fmt ` and `data` matter here). Copies no more than a chunk
/// of the format, whatever comes.
class wav_header {
 public:
  enum class status { incomplete, complete, bad };

  /// Takes bytes from the front of `bytes` until the header ends, where the audio begins, or turns
  /// out to be none. After either it takes nothing more.
  status take(std::span<const std::byte>& bytes);

  /// Once bad: what is wrong.
  const std::string& problem() const { return problem_; }

  // Once complete. The numbers are the file's own, and may be any.
  unsigned format() const { return format_; }  ///< 1: PCM, 3: float, 6: A-law, 7: mu-law, and more.
  unsigned bits() const { return bits_; }      ///< Of a sample.
  std::uint32_t rate() const { return rate_; }
  unsigned channels() const { return channels_; }

  /// Bytes of audio; none: until the end of the stream. A program that writes to a pipe does not
  /// know the size when it writes the header: then it is 0, or one beyond 2 GB.
  std::optional<std::uint32_t> audio_size() const { return audio_size_; }

 private:
  enum class part { riff, chunk, format };

  void read_part();
  void read_chunk();
  void read_format();
  void expect(part next, std::size_t size);
  void refuse(std::string problem);

  status status_ = status::incomplete;
  part part_ = part::riff;
  std::array<std::byte, 40> held_{};  // of the part being read
  std::size_t held_size_ = 0;
  std::size_t wanted_ = 12;  // the part's size
  std::size_t skip_ = 0;     // bytes of no interest before it
  std::size_t rest_ = 0;     // and after it
  std::size_t read_ = 0;     // bytes taken so far, those to be skipped included

  std::string problem_;
  std::uint32_t riff_size_ = 0;
  bool has_format_ = false;
  unsigned format_ = 0, bits_ = 0, channels_ = 0;
  std::uint32_t rate_ = 0;
  std::optional<std::uint32_t> audio_size_;
};

}  // namespace duplex::speech
