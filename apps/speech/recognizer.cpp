#include "speech/recognizer.hpp"

#include "speech/error.hpp"

namespace duplex::speech {

void throw_if_stopped(const std::stop_token& stop) {
  if (stop.stop_requested()) throw speech_error(error_code::cancelled, "recognition cancelled");
}

}  // namespace duplex::speech
