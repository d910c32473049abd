// Where a connection goes, and through what.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include <duplex/io/address.hpp>
#include <duplex/options.hpp>
#include <duplex/uri.hpp>

#include "base/proxy.hpp"

namespace duplex::detail {

/// What dialling needs of a URI and the options of connect, owned.
struct dial_settings {
  std::string host = {};
  std::uint16_t port = 0;
  address_family family = address_family::any;
  std::optional<address> local = {};
  std::optional<detail::proxy> proxy = {};
  std::optional<std::string> user_agent = {};  ///< what a proxy is told
};

/// Throws invalid_proxy, also of what the environment holds.
dial_settings dial_settings_of(const uri& target, const connect_options& options);

/// The proxy that the environment names for a server. Throws invalid_proxy.
std::optional<proxy> detect_proxy(const uri& target);

/// "localhost port 8765", for messages.
std::string peer_name(const dial_settings& settings);

/// "localhost:8765 through proxy 127.0.0.1:3128", for the log.
std::string describe_way(const dial_settings& settings);

/// Whether the server's name is to be looked up here, to tell the proxy an address.
bool must_resolve_for_proxy(const dial_settings& settings);
/// Of which family that address must be.
address_family family_for_proxy(const dial_settings& settings);

}  // namespace duplex::detail
