// From hosts and a port, or sockets made elsewhere, to listeners.
#include "api/listening.hpp"

#include <algorithm>
#include <duplex/io/tcp.hpp>
#include <duplex/io/unix.hpp>
#include <exception>
#include <iterator>
#include <stdexcept>
#include <string>
#include <system_error>

#include "protocol/option_settings.hpp"

namespace duplex::detail {
namespace {

// How often another free port is tried where the one of the first address is taken on another.
constexpr int free_port_tries = 16;

using listeners = std::vector<std::unique_ptr<io::listener>>;

// A machine without IPv6 still has names that resolve to it.
bool is_unavailable(const std::error_code& code) {
  return code == std::errc::address_not_available ||
         code == std::errc::address_family_not_supported;
}

listeners listen_tcp(const std::vector<address>& addresses, std::uint16_t port,
                     const serve_options& options) {
  listeners result;
  std::exception_ptr unavailable;
  for (auto at : addresses) {
    at.port = port;
    try {
      result.push_back(io::listen_tcp(at, options.backlog, options.reuse_port));
    } catch (const std::system_error& problem) {
      if (!is_unavailable(problem.code())) throw;
      unavailable = std::current_exception();
      continue;
    }
    port = result.front()->local_address().port;
  }
  if (result.empty() && unavailable) std::rethrow_exception(unavailable);
  return result;
}

// With port 0: one that is free on every address.
listeners listen_anywhere(const std::vector<address>& addresses, const serve_options& options) {
  for (int tries = 1;; ++tries) {
    try {
      return listen_tcp(addresses, 0, options);
    } catch (const std::system_error& problem) {
      if (problem.code() != std::errc::address_in_use || tries == free_port_tries) throw;
    }
  }
}

}  // namespace

listeners listen(const host_list& hosts, int port, const serve_options& options) {
  if (port < 0 || port > 65535) {
    throw std::invalid_argument("port must be from 0 to 65535, got " + std::to_string(port));
  }
  if (!options.sock.empty()) return io::adopt_listeners(options.sock);
  validate_hosts({hosts.begin(), hosts.end()}, options);
  listeners result;
  std::vector<address> addresses;
  for (const auto& host : hosts) {
    if (const auto path = unix_path_of(host)) {
      result.push_back(io::listen_unix(*path, options.backlog, options.unix_permissions));
      continue;
    }
    for (auto& at : io::resolve_now(host, 0, options.family, true)) {
      if (std::find(addresses.begin(), addresses.end(), at) == addresses.end()) {
        addresses.push_back(std::move(at));
      }
    }
  }
  auto of_tcp = port == 0 ? listen_anywhere(addresses, options)
                          : listen_tcp(addresses, static_cast<std::uint16_t>(port), options);
  std::move(of_tcp.begin(), of_tcp.end(), std::back_inserter(result));
  return result;
}

}  // namespace duplex::detail
