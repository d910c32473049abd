// Times in HTTP's headers (RFC 9110 section 5.6.7).
#pragma once

#include <chrono>
#include <string>

namespace duplex::detail {

/// "Sun, 06 Nov 1994 08:49:37 GMT", whatever the locale.
std::string http_date(std::chrono::system_clock::time_point time);

}  // namespace duplex::detail
