// What close codes mean, in words.
#include <duplex/close_code.hpp>

namespace duplex {

bool is_sendable_close_code(std::uint16_t code) noexcept {
  return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
         (code >= 3000 && code <= 4999);
}

std::string_view describe_close_code(std::uint16_t code) noexcept {
  switch (static_cast<close_code>(code)) {
    case close_code::normal_closure:
      return "OK";
    case close_code::going_away:
      return "going away";
    case close_code::protocol_error:
      return "protocol error";
    case close_code::unsupported_data:
      return "unsupported data";
    case close_code::no_status_received:
      return "no status received [internal]";
    case close_code::abnormal_closure:
      return "abnormal closure [internal]";
    case close_code::invalid_data:
      return "invalid frame payload data";
    case close_code::policy_violation:
      return "policy violation";
    case close_code::message_too_big:
      return "message too big";
    case close_code::mandatory_extension:
      return "mandatory extension";
    case close_code::internal_error:
      return "internal error";
    case close_code::service_restart:
      return "service restart";
    case close_code::try_again_later:
      return "try again later";
    case close_code::bad_gateway:
      return "bad gateway";
    case close_code::tls_handshake:
      return "TLS handshake failure [internal]";
  }
  if (code >= 3000 && code <= 3999) return "registered";
  if (code >= 4000 && code <= 4999) return "private use";
  return "unknown";
}

std::string to_string(const close_info& info) {
  std::string text = std::to_string(info.code);
  text.append(" (").append(describe_close_code(info.code)).append(")");
  if (!info.reason.empty()) text.append(" ").append(info.reason);
  return text;
}

}  // namespace duplex
