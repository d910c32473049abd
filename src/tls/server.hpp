// A server's side of TLS, one connection of it.
#pragma once

#include <memory>

#include <duplex/tls.hpp>

#include "tls/engine.hpp"

namespace duplex {

/// With the certificates of now. Any thread.
std::unique_ptr<tls::engine> make_tls_engine(const tls_server& server);

}  // namespace duplex
