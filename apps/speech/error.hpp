// The one exception of the speech engine: a code a client can act on, and a message for people.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

namespace duplex::speech {

/// What went wrong, as a client sees it in a reply's `error.code` (docs: the request protocol).
enum class error_code {
  bad_json,         // the message is not a JSON object
  bad_field,        // a field is missing or has the wrong type; the message names it
  invalid_base64,   // the audio is not base64 as RFC 4648 section 4 has it
  bad_audio,        // the bytes are no audio we can read, or none at all
  model_not_found,  // no model of that name is served here
  engine_failed,    // the recogniser gave up
  cancelled,        // somebody asked to stop; nobody is waiting for the result
};

/// The name of `code` on the wire: the enumerator's own.
std::string_view to_string(error_code code);

class speech_error : public std::runtime_error {
 public:
  speech_error(error_code code, const std::string& message)
      : std::runtime_error(message), code_(code) {}

  error_code code() const { return code_; }

 private:
  error_code code_;
};

}  // namespace duplex::speech
