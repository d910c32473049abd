// Getting the transport that the opening handshake of a blocking client is made on.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "protocol/option_settings.hpp"
#include "sync/transport.hpp"

namespace duplex::sync {

/// "localhost port 8765", for messages.
std::string peer_name(const detail::dial_settings& settings);

/// A transport to the target. Throws std::system_error where it cannot be reached, duplex::timeout
/// past the deadline, which bounds all steps together.
std::unique_ptr<transport> dial(const detail::dial_settings& settings,
                                std::optional<clock::time_point> deadline);

}  // namespace duplex::sync
