// What the handshake needs of libcrypto.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace duplex::protocol {

/// RFC 4648 section 4, with padding.
std::string base64_encode(std::span<const std::byte> bytes);

/// What a server answers to a client's Sec-WebSocket-Key (RFC 6455 section 4.2.2, item 5.4).
std::string accept_key(std::string_view key);

}  // namespace duplex::protocol
