// The sockets a server listens on.
#pragma once

#include <duplex/io/listener.hpp>
#include <duplex/options.hpp>
#include <duplex/server.hpp>
#include <memory>
#include <vector>

namespace duplex::detail {

/// Those of `options.sock`, or else one for each address of the hosts, all with the same port.
/// Throws std::system_error, std::invalid_argument.
std::vector<std::unique_ptr<io::listener>> listen(const host_list& hosts, int port,
                                                  const serve_options& options);

}  // namespace duplex::detail
