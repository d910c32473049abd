// The one exception of the speech engine: a code a client can act on, and a message for people.
#pragma once

#include <array>
#include <cstddef>
#include <stdexcept>
#include <string>
#include <string_view>

namespace duplex::speech {

/// What went wrong, as a client sees it in a reply's `error.code` (docs/speech.md) or in an `error`
/// of a live stream (docs/speech-protocol.md).
enum class error_code {
  bad_json,            // the message is not a JSON object
  bad_state,           // the message is right, but not now
  bad_field,           // a field is missing, unknown or has a wrong value; the message names it
  unsupported_format,  // audio of that encoding, rate or number of channels is not taken
  invalid_base64,      // the audio is not base64 as RFC 4648 section 4 has it
  bad_audio,           // the bytes are no audio we can read, or none at all
  unauthorized,        // the token is missing or wrong
  forbidden_origin,    // pages of that origin may not connect
  model_not_found,     // no model of that name is served here
  too_many_sessions,   // the server has all it may have
  overloaded,          // audio or events wait that exceed what is kept
  message_too_big,     // more bytes than a message may have
  idle_timeout,        // nothing came for too long
  session_limit,       // the session has lasted as long as one may
  resume_unknown,      // no session of that name and token
  resume_expired,      // there was one, but it or its events are not kept any more
  engine_failed,       // the recogniser gave up
  draining,            // the server is about to end
  internal,            // the server's own fault
  cancelled,           // somebody asked to stop; nobody is waiting for the result
};

/// Every code, in the order above.
inline constexpr std::array all_error_codes = {
    error_code::bad_json,           error_code::bad_state,        error_code::bad_field,
    error_code::unsupported_format, error_code::invalid_base64,   error_code::bad_audio,
    error_code::unauthorized,       error_code::forbidden_origin, error_code::model_not_found,
    error_code::too_many_sessions,  error_code::overloaded,       error_code::message_too_big,
    error_code::idle_timeout,       error_code::session_limit,    error_code::resume_unknown,
    error_code::resume_expired,     error_code::engine_failed,    error_code::draining,
    error_code::internal,           error_code::cancelled,
};
static_assert(all_error_codes.size() == static_cast<std::size_t>(error_code::cancelled) + 1);

/// The name of `code` on the wire: the enumerator's own.
std::string_view to_string(error_code code);

class speech_error : public std::runtime_error {
 public:
  /// The message, which may quote what a client sent, is `escaped` as logs are: no terminal obeys
  /// it, and a NUL does not cut it.
  speech_error(error_code code, std::string_view message);

  error_code code() const { return code_; }

 private:
  error_code code_;
};

}  // namespace duplex::speech
