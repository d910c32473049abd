// A stream that a proxy relays, with the addresses of those it connects.
#pragma once

#include <memory>

#include <duplex/io/stream.hpp>

namespace duplex::io {

/// The same stream, but for its addresses.
std::unique_ptr<stream> with_addresses(std::unique_ptr<stream> relayed, address local,
                                       address remote);

}  // namespace duplex::io
