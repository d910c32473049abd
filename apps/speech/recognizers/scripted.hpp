// A recogniser that says what it was told to, for tests of everything around a recogniser.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <vector>

#include "speech/recognizer.hpp"

namespace duplex::speech {

/// What a scripted recogniser does: one segment for every `segment_samples` of audio, and one for
/// the rest at a flush and at the end. All sound is speech. A partial has as many of its segment's
/// words as audio has come, and all but the last of them are stable.
struct script {
  std::string name = "scripted";
  std::string language = "en";
  /// Of the segments, in turn, again and again; "" is silence. None at all: "segment <n>".
  std::vector<std::string> texts = {};
  std::size_t segment_samples = sample_rate;  ///< One second.

  /// Called in the decoding thread before the final of segment number n of a stream (from 0):
  /// waits, to stall or be slow; throws, to fail.
  std::function<void(std::size_t n, const std::stop_token& stop)> before_segment = {};
  /// The same before each of its partials.
  std::function<void(std::size_t n, const std::stop_token& stop)> before_partial = {};
};

/// Deterministic; thread-safe if `before_segment` and `before_partial` are.
class scripted_recognizer : public recognizer {
 public:
  explicit scripted_recognizer(script lines);

  std::string_view name() const override { return script_->name; }
  std::string_view language() const override { return script_->language; }
  std::unique_ptr<recognition> start(const stream_options& options = {}) const override;

 private:
  std::shared_ptr<const script> script_;
};

/// A place in a script where decoding waits until it is let through. Thread-safe.
class gate {
 public:
  /// Waits until the gate is open. Throws `speech_error` with `cancelled` if stop is requested
  /// first.
  void pass(const std::stop_token& stop);

  /// Opens the gate, for good.
  void open();

  /// Waits until `count` calls of `pass` have begun, over the gate's life.
  void wait_for_arrivals(std::size_t count);

 private:
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::size_t arrivals_ = 0;
  bool is_open_ = false;
};

}  // namespace duplex::speech
