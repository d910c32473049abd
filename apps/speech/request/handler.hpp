// Answers one request: text in, text out, nothing thrown. No socket, no thread of its own.
#pragma once

#include <chrono>
#include <cstddef>
#include <duplex/buffer.hpp>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "speech/error.hpp"
#include "speech/memory_budget.hpp"
#include "speech/model_set.hpp"

namespace duplex::speech {

/// What one request may cost.
struct request_limits {
  /// Bytes of a message; the connection refuses more with 1009. By default 2.4 hours of 16 kHz
  /// 16-bit WAV as base64.
  std::size_t max_size = std::size_t{512} << 20;
  /// Length of its audio: compressed files may hold far more than their size tells.
  std::chrono::seconds max_audio = std::chrono::hours(4);
  /// Length of the audio that `return_audio` gives back, which waits in memory until it has left:
  /// 45 MB for ten minutes.
  std::chrono::seconds max_returned = std::chrono::minutes(10);
};

/// What `overloaded` says where a budget of memory is used up.
inline constexpr std::string_view no_memory_for_requests =
    "the requests in progress have all the memory they may have, or this address half of it";

/// Answers requests with the models of a server. Thread-safe.
class request_handler {
 public:
  /// `models` must outlive the handler.
  explicit request_handler(const model_set& models, request_limits limits = {})
      : models_(&models), limits_(limits) {}

  const model_set& models() const { return *models_; }
  const request_limits& limits() const { return limits_; }

  /// The reply to one text message. Decodes in the caller's thread. Uses no memory that grows with
  /// the audio beyond `message` itself, unless the audio is asked back.
  ///
  /// A request that fails is answered too, as is one that was stopped (`cancelled`). Throws
  /// nothing.
  std::string respond(buffer message, const std::stop_token& stop = {}) const;

 private:
  const model_set* models_;
  request_limits limits_;
};

/// One request on its way to its reply, as `request_handler::respond` does it, but in steps.
/// Belongs to one caller at a time, on any thread.
class answering {
 public:
  /// Of a message that comes now. `handler` must outlive it. What it needs besides the message, it
  /// adds to `memory`, if given: the request fails with `overloaded` where that has no more.
  answering(const request_handler& handler, buffer message,
            std::shared_ptr<memory_share> memory = nullptr);
  ~answering();

  /// Reads the message, or does a step of its audio (see `transcriber::step`). Gives the reply with
  /// the last one.
  std::optional<std::string> step(const std::stop_token& stop);

  /// What the reply says that went wrong, if anything did.
  const std::optional<speech_error>& failure() const { return failure_; }

 private:
  struct work;
  bool begin();
  void hold_copy();
  std::string succeed();
  std::string fail(const speech_error& error);

  const request_handler& handler_;
  std::chrono::steady_clock::time_point received_ = std::chrono::steady_clock::now();
  std::chrono::steady_clock::duration worked_ = {};
  std::unique_ptr<work> work_;
  std::optional<speech_error> failure_;
};

/// The reply to a message that cannot be looked into.
std::string error_reply(error_code code, const std::string& message);

}  // namespace duplex::speech
