#include "speech/error.hpp"

namespace duplex::speech {

std::string_view to_string(error_code code) {
  switch (code) {
    case error_code::bad_json:
      return "bad_json";
    case error_code::bad_field:
      return "bad_field";
    case error_code::invalid_base64:
      return "invalid_base64";
    case error_code::bad_audio:
      return "bad_audio";
    case error_code::model_not_found:
      return "model_not_found";
    case error_code::engine_failed:
      return "engine_failed";
    case error_code::cancelled:
      return "cancelled";
  }
  return "internal";
}

}  // namespace duplex::speech
