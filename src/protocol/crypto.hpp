// What the handshake needs of libcrypto.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace duplex::protocol {

/// RFC 4648 section 4, with padding.
std::string base64_encode(std::span<const std::byte> bytes);

/// The bytes of such a text, with its padding; nullopt where it is none.
std::optional<std::string> base64_decode(std::string_view text);

/// Compares secrets in a time that depends on the length of each alone.
bool equal_in_constant_time(std::string_view a, std::string_view b);

/// What a server answers to a client's Sec-WebSocket-Key (RFC 6455 section 4.2.2, item 5.4).
std::string accept_key(std::string_view key);

}  // namespace duplex::protocol
