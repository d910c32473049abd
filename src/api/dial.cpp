// One step after the other, each on the stream of the one before.
#include "api/dial.hpp"

#include <exception>
#include <system_error>
#include <utility>

#include <duplex/error.hpp>
#include <duplex/io/tcp.hpp>
#include <duplex/io/unix.hpp>

#include "api/stream_reader.hpp"
#include "io/tls_stream.hpp"
#include "protocol/proxy_handshake.hpp"

namespace duplex::detail {
namespace {

task<std::unique_ptr<io::stream>> connect_to_proxy(const dial_settings& settings, limit limit) {
  const proxy& proxy = *settings.proxy;
  try {
    co_return co_await io::connect_tcp(proxy.host, proxy.port, settings.family, limit,
                                       settings.local);
  } catch (const std::system_error& failure) {
    throw proxy.unreachable(failure.code());
  }
}

task<> talk(io::stream& stream, protocol::proxy_handshake& handshake, limit limit) {
  stream_reader reader(stream);
  while (!handshake.done()) {
    const std::string words = handshake.take_data_to_send();
    if (!words.empty()) co_await reader.write(words, limit);
    auto bytes = co_await reader.read_some(limit);
    if (bytes.empty()) {
      handshake.receive_eof();
    } else {
      handshake.receive_data(bytes);
    }
    if (handshake.failure()) std::rethrow_exception(handshake.failure());
  }
}

task<std::unique_ptr<io::stream>> dial_through_proxy(dial_settings settings, tls::client tls,
                                                     limit limit) {
  auto stream = co_await connect_to_proxy(settings, limit);
  if (settings.proxy->kind == proxy::type::https) {
    auto engine = tls.make_engine(settings.proxy->host);
    const std::string name = settings.proxy->name();
    auto encrypted = co_await io::open_tls(std::move(stream), std::move(engine), name, limit);
    stream = std::move(encrypted);
  }
  std::string host = settings.host;
  if (must_resolve_for_proxy(settings)) {
    const auto family = family_for_proxy(settings);
    auto addresses = co_await io::resolve(settings.host, settings.port, family, limit);
    host = addresses.front().host;
  }
  const auto handshake = protocol::make_proxy_handshake(*settings.proxy, host, settings.port,
                                                        std::move(settings.user_agent));
  co_await talk(*stream, *handshake, limit);
  co_return stream;
}

}  // namespace

task<std::unique_ptr<io::stream>> dial(dial_settings settings, tls::client proxy_tls, limit limit) {
  if (settings.proxy) {
    co_return co_await dial_through_proxy(std::move(settings), std::move(proxy_tls), limit);
  }
  if (const auto path = unix_path_of(settings.host)) {
    co_return co_await io::connect_unix(std::string(*path), limit);
  }
  co_return co_await io::connect_tcp(settings.host, settings.port, settings.family, limit,
                                     settings.local);
}

}  // namespace duplex::detail
