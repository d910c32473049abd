// Compressed data (RFC 1951) in pieces that end on a byte, made and read: all that knows zlib and
// ISA-L.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include <duplex/buffer.hpp>

struct z_stream_s;

namespace duplex::protocol {

inline constexpr int window_bits_min = 8, window_bits_max = 15;

struct deflate_settings {
  int window_bits = window_bits_max;  ///< no distance is longer than 2^window_bits
  int level = 1;                      ///< 0 to 9, as zlib has them
  int memory_level = 8;               ///< 1 to 9, as zlib has them
};

/// Appends `input` to `out` as blocks, of which the last is empty and stored: they end with the
/// bytes 00 00 FF FF. `history` is what the reader has before, at most the window of which counts.
///
/// Nothing is left behind from one call to the next: the state of the engines, some hundred KiB, is
/// one a thread and not one a connection. Measured (bench/deflate_engines.cpp), giving 4 KiB of
/// history back before each message costs less than the caches that 256 KiB a connection miss.
///
/// Levels 1 to 3 are those of ISA-L where it is there: on JSON of 2 KiB its first takes a fifth of
/// the time of zlib's sixth, for a fifth more bytes, and half that of zlib's first for fewer.
void deflate(std::span<const std::byte> history, std::span<const std::byte> input,
             const deflate_settings& settings, buffer& out);

/// Reads blocks. Its memory, 7 KiB and the window, is taken with the first byte. It is zlib's and
/// not ISA-L's: that is no faster where each connection has one, and would take 87 KiB.
class inflater {
 public:
  explicit inflater(int window_bits) noexcept;
  inflater(inflater&&) = delete;
  ~inflater();

  /// Appends what the bytes stand for to `out`, at most `room` + 1 bytes: then there are more than
  /// `room`. Gives what zlib says of bytes that stand for nothing. A block marked as the last may
  /// be followed by others, which know nothing of what was before.
  std::optional<std::string> inflate(std::span<const std::byte> bytes, buffer& out,
                                     std::size_t room);
  /// Ends a message: supplies the 00 00 FF FF its sender left out.
  std::optional<std::string> finish(buffer& out, std::size_t room);
  /// Forgets everything and gives the memory back.
  void release() noexcept;

 private:
  void start();

  std::unique_ptr<z_stream_s> stream_;
  int window_bits_;
  bool fresh_ = true;  // no byte was fed since the message, or a stream in it, began
};

}  // namespace duplex::protocol
