// The small words of the protocol: sides, states, opcodes, time, randomness.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <string_view>

namespace duplex::protocol {

/// Time is always an argument of the protocol; it never reads a clock.
using time_point = std::chrono::steady_clock::time_point;
using duration = std::chrono::steady_clock::duration;

enum class side : unsigned char { client, server };

/// The other one.
constexpr side peer_of(side own) noexcept {
  return own == side::server ? side::client : side::server;
}

/// RFC 6455 section 4 and 7: where a connection is in its life.
enum class state : unsigned char { connecting, open, closing, closed };

/// "connecting", "open", "closing" or "closed".
constexpr std::string_view to_string(state value) noexcept {
  switch (value) {
    case state::connecting:
      return "connecting";
    case state::open:
      return "open";
    case state::closing:
      return "closing";
    case state::closed:
      return "closed";
  }
  return "";
}

/// RFC 6455 section 11.8.
enum class opcode : unsigned char {
  continuation = 0x0,
  text = 0x1,
  binary = 0x2,
  close = 0x8,
  ping = 0x9,
  pong = 0xA,
};

/// Fills with unpredictable bytes. The default is the operating system's entropy.
using random_source = std::function<void(std::byte* to, std::size_t count)>;
/// Entropy of the operating system, stretched by libcrypto's generator and taken in blocks, one a
/// thread. Throws std::system_error where there is none.
random_source system_random();

}  // namespace duplex::protocol
