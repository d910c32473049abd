// One step after the other, each on the transport of the one before.
#include "sync/dial.hpp"

#include "sync/tcp.hpp"

namespace duplex::sync {

std::string peer_name(const detail::dial_settings& settings) {
  if (unix_path_of(settings.host)) return settings.host;
  return settings.host + " port " + std::to_string(settings.port);
}

std::unique_ptr<transport> dial(const detail::dial_settings& settings,
                                std::optional<clock::time_point> deadline) {
  if (unix_path_of(settings.host)) {
    return make_plain_transport(connect_unix({settings.host}, deadline));
  }
  const auto addresses = resolve(settings.host, settings.port, settings.family, deadline);
  return make_plain_transport(
      connect_tcp(addresses, peer_name(settings), deadline, settings.local));
}

}  // namespace duplex::sync
