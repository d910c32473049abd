// References relative to a URI.
#pragma once

#include <string>
#include <string_view>

#include <duplex/uri.hpp>

namespace duplex::detail {

/// The URI that a reference means at another (RFC 3986 section 5.2), as text, without its fragment.
/// `http` and `https` become `ws` and `wss`: servers of HTTP redirect to their own kind.
std::string resolve_reference(const uri& base, std::string_view reference);

/// Whether both are the same scheme, host and port (RFC 6454 section 4).
bool same_origin(const uri& a, const uri& b);

}  // namespace duplex::detail
