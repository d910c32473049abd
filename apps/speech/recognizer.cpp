#include "speech/recognizer.hpp"

#include "speech/error.hpp"

namespace duplex::speech {
namespace {

void check_range(std::string_view name, std::chrono::milliseconds value, int least, int most) {
  if (value.count() >= least && value.count() <= most) return;
  throw speech_error(error_code::bad_field,
                     std::string(name) + ": expected " + std::to_string(least) + " to " +
                         std::to_string(most) + ", not " + std::to_string(value.count()));
}

}  // namespace

void check(const stream_options& options) {
  check_range("silence_ms", options.silence, 200, 5000);
  check_range("max_ms", options.longest, 2000, 25'000);
  check_range("preroll_ms", options.preroll, 0, 1000);
  check_range("patience_ms", options.patience, 0, 5000);
  if (options.silence + options.patience >= options.longest) {
    throw speech_error(error_code::bad_field,
                       "silence_ms: expected less than max_ms with patience_ms, not " +
                           std::to_string((options.silence + options.patience).count()));
  }
}

std::string_view to_string(end_reason reason) {
  switch (reason) {
    case end_reason::silence:
      return "silence";
    case end_reason::max:
      return "max";
    case end_reason::flush:
      return "flush";
    case end_reason::stop:
      break;
  }
  return "stop";
}

void throw_if_stopped(const std::stop_token& stop) {
  if (stop.stop_requested()) throw speech_error(error_code::cancelled, "recognition cancelled");
}

}  // namespace duplex::speech
