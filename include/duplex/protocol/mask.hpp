// Masking of payloads (RFC 6455 section 5.3).
#pragma once

#include <array>
#include <cstddef>

namespace duplex::protocol {

using mask_key = std::array<std::byte, 4>;

/// Writes `count` bytes of `from`, masked or unmasked, to `to`. `to` is `from`, or they do not
/// overlap. `position` is where in the payload the first byte stands.
void apply_mask(std::byte* to, const std::byte* from, std::size_t count, mask_key key,
                std::size_t position = 0) noexcept;

}  // namespace duplex::protocol
