// Who counts as one where many have to share.
#pragma once

#include <string>

namespace duplex::speech {

/// What one customer has, as text: of IPv6 the first 64 bits, "2001:db8:1:2::", any other host as
/// it is. The library counts connections from one address so.
std::string network_of(const std::string& host);

}  // namespace duplex::speech
