// Frames and heads of handshakes as lines of a debug log.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include <duplex/http.hpp>
#include <duplex/log.hpp>
#include <duplex/protocol/types.hpp>

namespace duplex::protocol {

/// "TEXT 'hello' [5 bytes]", "BINARY 01 02 [2 bytes, continued]", "CLOSE 1000 (OK) [2 bytes]". Of
/// the payload there are at most `payload_max` characters, a longer one loses its middle.
std::string describe_frame(opcode code, bool fin, std::span<const std::byte> payload,
                           std::size_t payload_max);

/// The lines of a head, without queries and the value of headers that carry credentials.
std::vector<std::string> describe(const request& head);
std::vector<std::string> describe(const response& head);

/// Tells a logger the lines of a head, where it wants debug records.
template <class Head>
void log_head(const logger& to, char mark, const Head& head, std::string_view connection_id = {}) {
  if (!to.enabled(log_level::debug)) return;
  for (const auto& line : describe(head)) {
    write_log(to, log_level::debug, std::string{mark, ' '} + line, connection_id);
  }
}

}  // namespace duplex::protocol
