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

/// What one request may cost.
struct request_limits {
  /// Bytes of a message; the connection refuses more with 1009. By default 2.4 hours of 16 kHz
  /// 16-bit WAV as base64.
  std::size_t max_size = std::size_t{512} << 20;
  /// Length of its audio: compressed files may hold far more than their size tells.
  std::chrono::seconds max_audio = std::chrono::hours(4);
};

/// Answers requests with the models of a server. Thread-safe.
class request_handler {
 public:
  /// `models` must outlive the handler.
  explicit request_handler(const model_set& models, request_limits limits = {})
      : models_(&models), limits_(limits) {}

  const request_limits& limits() const { return limits_; }

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
  request_limits limits_;
};

/// The reply to a message that cannot be looked into.
std::string error_reply(error_code code, const std::string& message);

}  // namespace duplex::speech
