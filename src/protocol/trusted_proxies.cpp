// From whom a server believes the PROXY protocol.
#include "protocol/trusted_proxies.hpp"

#include <algorithm>
#include <stdexcept>

#include <duplex/log.hpp>

namespace duplex::detail {

trusted_proxies::trusted_proxies(std::span<const std::string> list) : everybody_(list.empty()) {
  for (const auto& each : list) {
    if (each == "unix:") {
      unix_ = true;
    } else if (const auto network = ip_network::parse(each)) {
      networks_.push_back(*network);
    } else {
      throw std::invalid_argument(
          "trusted_proxies must be addresses, networks or \"unix:\", got '" + escaped(each) + "'");
    }
  }
}

bool trusted_proxies::contains(const address& peer) const noexcept {
  if (everybody_) return true;
  if (unix_path_of(peer.host)) return unix_;
  const auto ip = parse_ip_address(std::string_view(peer.host).substr(0, peer.host.find('%')));
  return ip && std::any_of(networks_.begin(), networks_.end(),
                           [&](const auto& network) { return network.contains(*ip); });
}

}  // namespace duplex::detail
