// When and how often a client connects again.
#pragma once

#include <chrono>
#include <exception>
#include <functional>
#include <optional>

namespace duplex {

/// Whether a failed attempt to connect is worth another: nullptr where it is, else the exception
/// to throw. Worth it are failures that may pass: of the network (std::system_error), of time
/// (duplex::timeout), a server that leaves during the handshake, the statuses 500, 502, 503 and
/// 504, and a proxy that does not reach its server.
std::exception_ptr process_exception(std::exception_ptr problem);

/// How `reconnecting` tries again. What is nullopt is set by the environment's DUPLEX_BACKOFF_*,
/// and gives way to what is set here: a `max_delay` of 1 s makes no other wait longer.
struct reconnect_options {
  using duration = std::chrono::steady_clock::duration;

  /// Judges each failed attempt, as duplex::process_exception does; what it throws is thrown.
  std::function<std::exception_ptr(std::exception_ptr)> process_exception =
      duplex::process_exception;
  /// The first wait is a random part of this, so that the clients of a server that was away do not
  /// come back all at once (RFC 6455 section 7.2.3). DUPLEX_BACKOFF_INITIAL_DELAY, 5 s.
  std::optional<duration> initial_delay = {};
  /// The second wait; also how long a connection must have lasted for the waits to begin anew.
  /// DUPLEX_BACKOFF_MIN_DELAY, 3.1 s.
  std::optional<duration> min_delay = {};
  /// The longest. DUPLEX_BACKOFF_MAX_DELAY, 90 s.
  std::optional<duration> max_delay = {};
  /// Each wait is so many times the one before. DUPLEX_BACKOFF_FACTOR, 1.618.
  std::optional<double> factor = {};
};

}  // namespace duplex
