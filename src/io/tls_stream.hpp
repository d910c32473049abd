// TLS over any stream, as a stream.
#pragma once

#include <memory>

#include <duplex/coro/limit.hpp>
#include <duplex/coro/task.hpp>
#include <duplex/io/stream.hpp>

#include "tls/engine.hpp"

namespace duplex::io {

/// Does the handshake of TLS over a connected stream, TLS or not, and gives the stream above it.
///
/// `peer` names the other side in errors. Throws duplex::tls_error, std::system_error where the
/// transport ends, and as the limit says; the peer is told why where it can be.
///
/// An end of the transport without an end of TLS is an error of the stream, not its end.
task<std::unique_ptr<stream>> open_tls(std::unique_ptr<stream> transport,
                                       std::unique_ptr<tls::engine> engine, std::string peer,
                                       limit limit);

}  // namespace duplex::io
