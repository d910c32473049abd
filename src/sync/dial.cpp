// One step after the other, each on the transport of the one before.
#include "sync/dial.hpp"

#include <exception>
#include <system_error>

#include <duplex/error.hpp>

#include "protocol/proxy_handshake.hpp"
#include "sync/tcp.hpp"
#include "sync/tls_transport.hpp"
#include "sync/transport_reader.hpp"

namespace duplex::sync {
namespace {

std::unique_ptr<transport> connect_to(const std::string& host, std::uint16_t port,
                                      const detail::dial_settings& settings,
                                      std::optional<clock::time_point> deadline) {
  const auto addresses = resolve(host, port, settings.family, deadline);
  const std::string peer = to_string(address{host, port});
  return make_plain_transport(connect_tcp(addresses, peer, deadline, settings.local));
}

std::unique_ptr<transport> connect_to_proxy(const detail::dial_settings& settings,
                                            std::optional<clock::time_point> deadline) {
  const detail::proxy& proxy = *settings.proxy;
  try {
    return connect_to(proxy.host, proxy.port, settings, deadline);
  } catch (const std::system_error& failure) {
    throw proxy.unreachable(failure.code());
  }
}

void talk(transport& transport, protocol::proxy_handshake& handshake, std::string doing,
          std::optional<clock::time_point> deadline) {
  transport_reader reader(transport, std::move(doing), deadline);
  while (!handshake.done()) {
    reader.write(handshake.take_data_to_send());
    const auto bytes = reader.read_some();
    if (bytes.empty()) {
      handshake.receive_eof();
    } else {
      handshake.receive_data(bytes);
    }
    if (handshake.failure()) std::rethrow_exception(handshake.failure());
  }
}

std::unique_ptr<transport> dial_through_proxy(const detail::dial_settings& settings,
                                              const tls::client& tls,
                                              std::optional<clock::time_point> deadline) {
  auto transport = connect_to_proxy(settings, deadline);
  if (settings.proxy->kind == detail::proxy::type::https) {
    auto engine = tls.make_engine(settings.proxy->host);
    transport = open_tls(std::move(transport), std::move(engine), settings.proxy->name(), deadline);
  }
  std::string host = settings.host;
  if (detail::must_resolve_for_proxy(settings)) {
    const auto family = detail::family_for_proxy(settings);
    host = resolve(settings.host, settings.port, family, deadline).front().host;
  }
  const auto handshake =
      protocol::make_proxy_handshake(*settings.proxy, host, settings.port, settings.user_agent);
  talk(*transport, *handshake, "handshake with " + settings.proxy->name(), deadline);
  return transport;
}

}  // namespace

std::unique_ptr<transport> dial(const detail::dial_settings& settings, const tls::client& proxy_tls,
                                std::optional<clock::time_point> deadline) {
  if (settings.proxy) return dial_through_proxy(settings, proxy_tls, deadline);
  if (unix_path_of(settings.host)) {
    return make_plain_transport(connect_unix({settings.host}, deadline));
  }
  return connect_to(settings.host, settings.port, settings, deadline);
}

}  // namespace duplex::sync
