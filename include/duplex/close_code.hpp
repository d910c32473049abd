// Close codes (RFC 6455 section 7.4 and the IANA registry) and what travels in a close frame.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace duplex {

/// Named codes; any other number from 3000 to 4999 is the application's.
enum class close_code : std::uint16_t {
  normal_closure = 1000,
  going_away = 1001,
  protocol_error = 1002,
  unsupported_data = 1003,
  no_status_received = 1005,  ///< never sent: the peer's close frame was empty
  abnormal_closure = 1006,    ///< never sent: the connection ended without a close frame
  invalid_data = 1007,
  policy_violation = 1008,
  message_too_big = 1009,
  mandatory_extension = 1010,
  internal_error = 1011,
  service_restart = 1012,
  try_again_later = 1013,
  bad_gateway = 1014,
  tls_handshake = 1015,  ///< never sent
};

/// The contents of a close frame.
struct close_info {
  std::uint16_t code = 1005;
  std::string reason = {};  ///< UTF-8, at most 123 bytes

  bool operator==(const close_info&) const = default;
};

/// Whether a close frame may carry the code: 1000-1003, 1007-1014, 3000-4999.
bool is_sendable_close_code(std::uint16_t code) noexcept;
/// "going away" for 1001, "private use" for 4000-4999 and so on.
std::string_view describe_close_code(std::uint16_t code) noexcept;
/// "1001 (going away) reason", as error messages show it.
std::string to_string(const close_info& info);

}  // namespace duplex
