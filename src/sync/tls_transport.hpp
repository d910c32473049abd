// TLS over any transport, as a transport.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "sync/transport.hpp"
#include "tls/engine.hpp"

namespace duplex::sync {

/// Does the handshake of TLS over a connected transport, TLS or not, and gives the one above it.
///
/// `peer` names the other side in errors. Throws duplex::tls_error, std::system_error where the
/// transport ends, and duplex::timeout past the deadline.
std::unique_ptr<transport> open_tls(std::unique_ptr<transport> below,
                                    std::unique_ptr<tls::engine> engine, const std::string& peer,
                                    std::optional<clock::time_point> deadline);

}  // namespace duplex::sync
