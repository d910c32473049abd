// Getting the transport that the opening handshake of a blocking client is made on.
#pragma once

#include <memory>
#include <optional>

#include "protocol/dial_settings.hpp"
#include "sync/transport.hpp"
#include "tls/client.hpp"

namespace duplex::sync {

/// A transport to the target. Throws std::system_error where it or its proxy cannot be reached,
/// proxy_error where the proxy refuses, duplex::timeout past the deadline, which bounds all steps
/// together.
std::unique_ptr<transport> dial(const detail::dial_settings& settings, const tls::client& proxy_tls,
                                std::optional<clock::time_point> deadline);

}  // namespace duplex::sync
