// Compression as RFC 7692 has it, done by zlib and not by the library that is probed with it.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

namespace duplex::probe {

/// Compresses messages, each to the payload of its frames.
class compressor {
 public:
  /// Refers back at most 2^window_bits bytes (8 to 15), and to messages before with `takeover`.
  explicit compressor(int window_bits = 15, bool takeover = true);
  std::string operator()(std::string_view message);

 private:
  struct state;
  std::shared_ptr<state> state_;
  bool takeover_;
};

/// Reads them. Copies share one stream.
class decompressor {
 public:
  /// Takes no reference further back than 2^window_bits bytes, or to messages before without
  /// `takeover`.
  explicit decompressor(int window_bits = 15, bool takeover = true);
  /// The message. Throws std::runtime_error for what is not compressed so, or is beyond all bounds.
  std::string operator()(std::string_view payload);

 private:
  struct state;
  std::shared_ptr<state> state_;
  int window_bits_;
  bool takeover_;
};

/// One message compressed by itself, which every receiver understands whatever was agreed on.
std::string compressed(std::string_view message);
/// The same as one deflate block marked as the last (RFC 7692 section 7.2.3.4).
std::string compressed_as_final_block(std::string_view message);

}  // namespace duplex::probe
