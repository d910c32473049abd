// What turns speech into text: a recognizer is a loaded model, a recognition one stream through it.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

namespace duplex::speech {

/// Samples a second that every recogniser takes: mono float32 in [-1, 1].
inline constexpr int sample_rate = 16'000;

/// Milliseconds from the stream's start to sample number `samples`.
constexpr std::int64_t to_ms(std::int64_t samples) { return samples * 1000 / sample_rate; }

/// A stretch of speech and its text, which will not change any more.
struct transcript_event {
  std::string text;           ///< Valid UTF-8, without white space at either end, never empty.
  std::int64_t start_ms = 0;  ///< From the start of the stream.
  std::int64_t end_ms = 0;

  bool operator==(const transcript_event&) const = default;
};

/// One stream of audio on its way to text.
///
/// Belongs to one caller at a time, on any thread; different recognitions may run in parallel.
/// Events come in the order of their times and do not overlap.
///
/// Every call decodes in the caller's thread. `stop` is looked at between segments and between the
/// tokens of one; once stop is requested the call throws `speech_error` with `cancelled`. A model
/// that fails throws `engine_failed`. After either exception only `reset` and the destructor may be
/// called.
class recognition {
 public:
  virtual ~recognition() = default;

  /// Takes the next `samples`, any number of them, and returns what they completed.
  virtual std::vector<transcript_event> accept(std::span<const float> samples,
                                               const std::stop_token& stop = {}) = 0;

  /// Ends the stream and returns what was still open. Only `reset` may follow.
  virtual std::vector<transcript_event> finish(const std::stop_token& stop = {}) = 0;

  /// Forgets everything: the next sample is the first of a new stream.
  virtual void reset() = 0;
};

/// A model, loaded once and shared by all threads.
class recognizer {
 public:
  virtual ~recognizer() = default;

  /// The name clients ask for, such as `moonshine-tiny`.
  virtual std::string_view name() const = 0;

  /// The language it understands, as an ISO 639-1 code such as `en`.
  virtual std::string_view language() const = 0;

  /// A new stream. It keeps what it needs of the model alive by itself.
  virtual std::unique_ptr<recognition> start() const = 0;
};

/// Throws `speech_error` with `cancelled` if stop was requested.
void throw_if_stopped(const std::stop_token& stop);

}  // namespace duplex::speech
