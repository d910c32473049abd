// What a client does to connect, from its URI and its options, owned.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string_view>

#include <duplex/http.hpp>
#include <duplex/inbox.hpp>
#include <duplex/options.hpp>
#include <duplex/protocol/connection.hpp>
#include <duplex/protocol/handshake.hpp>
#include <duplex/uri.hpp>

#include "protocol/dial_settings.hpp"
#include "protocol/option_settings.hpp"

namespace duplex::detail {

/// Everything that is needed after the call of `connect`. A value: each attempt has its own copy.
struct client_plan {
  /// Throws invalid_uri, invalid_proxy, and std::invalid_argument for options that make no sense.
  client_plan(std::string_view text, const connect_options& options);

  /// The handshake for the target. Throws std::invalid_argument where a header cannot be one.
  protocol::client_handshake make_handshake() const {
    return {target, handshake, handshake_limits()};
  }

  /// Throws std::invalid_argument where there is one, which serves for one connection.
  void require_no_socket() const;

  /// Turns to where an answer redirects; false where it does not. Credentials stay with the origin
  /// they were given for. Throws security_error where it must not be followed, invalid_header where
  /// it leads to no URI.
  bool follow(const response& answer);

  uri target;
  dial_settings dialling;
  protocol::client_handshake_settings handshake;
  protocol::connection_settings core;
  std::shared_ptr<const duplex::inbox> inbox;  ///< each connection has a fresh one
  water_marks write_limit;
  std::size_t read_limit;
  std::optional<duration> open_timeout;
  std::shared_ptr<const duplex::logger> logger;

  // For redirects
  bool detects_proxy, has_own_destination, has_own_socket;
  std::size_t redirects_max, redirects = 0;
  bool has_left_origin = false;  ///< what is for one origin only stays behind

 private:
  uri resolve(std::string_view location) const;
};

}  // namespace duplex::detail
