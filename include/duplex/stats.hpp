// What has gone through a connection so far, and what waits in it.
#pragma once

#include <cstddef>
#include <cstdint>

namespace duplex {

/// How many bytes compression has saved in one direction.
struct compression_stats {
  std::uint64_t payload = 0;     ///< bytes of compressed messages, before compressing them
  std::uint64_t compressed = 0;  ///< bytes they were on the wire, frame headers aside

  /// Bytes of payload for each byte on the wire; 1 where nothing was compressed.
  double ratio() const noexcept {
    return compressed == 0 ? 1.0 : static_cast<double>(payload) / static_cast<double>(compressed);
  }
  bool operator==(const compression_stats&) const = default;
};

/// A connection's figures from its handshake, which they do not count, to now or its end.
struct connection_stats {
  std::uint64_t bytes_received = 0;     ///< of frames, control frames included
  std::uint64_t bytes_sent = 0;         ///< taken by the system
  std::uint64_t messages_received = 0;  ///< complete ones; whether or not anyone has taken them
  std::uint64_t messages_sent = 0;      ///< queued, their last fragments too
  std::size_t messages_queued = 0;      ///< received and not yet taken
  std::size_t bytes_queued = 0;         ///< of those
  std::size_t bytes_unsent = 0;         ///< as `buffered_amount`
  compression_stats received = {};
  compression_stats sent = {};

  bool operator==(const connection_stats&) const = default;
};

}  // namespace duplex
