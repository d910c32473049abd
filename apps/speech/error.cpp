#include "speech/error.hpp"

#include <duplex/log.hpp>

namespace duplex::speech {

speech_error::speech_error(error_code code, std::string_view message)
    : std::runtime_error(escaped(message)), code_(code) {}

std::string_view to_string(error_code code) {
  switch (code) {
    case error_code::bad_json:
      return "bad_json";
    case error_code::bad_state:
      return "bad_state";
    case error_code::bad_field:
      return "bad_field";
    case error_code::unsupported_format:
      return "unsupported_format";
    case error_code::invalid_base64:
      return "invalid_base64";
    case error_code::bad_audio:
      return "bad_audio";
    case error_code::unauthorized:
      return "unauthorized";
    case error_code::forbidden_origin:
      return "forbidden_origin";
    case error_code::model_not_found:
      return "model_not_found";
    case error_code::too_many_sessions:
      return "too_many_sessions";
    case error_code::overloaded:
      return "overloaded";
    case error_code::message_too_big:
      return "message_too_big";
    case error_code::idle_timeout:
      return "idle_timeout";
    case error_code::session_limit:
      return "session_limit";
    case error_code::resume_unknown:
      return "resume_unknown";
    case error_code::resume_expired:
      return "resume_expired";
    case error_code::engine_failed:
      return "engine_failed";
    case error_code::draining:
      return "draining";
    case error_code::internal:
      return "internal";
    case error_code::cancelled:
      return "cancelled";
  }
  return "internal";
}

}  // namespace duplex::speech
