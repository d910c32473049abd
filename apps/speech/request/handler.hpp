// Answers one request: text in, text out, nothing thrown. No socket, no thread of its own.
#pragma once

#include <chrono>
#include <cstddef>
#include <duplex/buffer.hpp>
#include <stop_token>
#include <string>

#include "speech/error.hpp"
#include "speech/models.hpp"

namespace duplex::speech {

/// The largest message the request endpoint takes, in bytes: 2.4 hours of 16 kHz 16-bit WAV as
/// base64. More is refused by the connection, with 1009.
inline constexpr std::size_t max_request_size = std::size_t{512} << 20;

/// The longest audio in one request. Compressed files may hold far more than their size tells.
inline constexpr std::chrono::hours max_audio_length{4};

/// Answers requests with the models of a server. Thread-safe.
class request_handler {
 public:
  /// `models` must outlive the handler.
  explicit request_handler(const model_set& models) : models_(&models) {}

  /// The reply to one text message. Decodes in the caller's thread; `queued` is how long the
  /// message had waited before, and is only reported. Uses no memory that grows with the audio
  /// beyond `message` itself, unless the audio is asked back.
  ///
  /// A request that fails is answered too, as is one that was stopped (`cancelled`). Throws
  /// nothing.
  std::string respond(buffer message, std::chrono::milliseconds queued,
                      const std::stop_token& stop = {}) const;

 private:
  const model_set* models_;
};

/// The reply to a message that cannot be looked into.
std::string error_reply(error_code code, const std::string& message);

}  // namespace duplex::speech
