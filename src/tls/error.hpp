// How TLS ends badly once it is open, as error codes.
#pragma once

#include <system_error>

namespace duplex::tls {

enum class errc {
  // 0 to 255: the alert the peer sent (RFC 8446 section 6.2)
  truncated = 256,  ///< the transport ended, TLS did not
  broken,           ///< what came is no valid TLS
};

std::error_code make_error_code(errc error) noexcept;
/// Of an alert that ended the connection.
std::error_code alert_error(int alert) noexcept;
/// "unknown ca"
const char* alert_text(int alert) noexcept;

}  // namespace duplex::tls

template <>
struct std::is_error_code_enum<duplex::tls::errc> : std::true_type {};
