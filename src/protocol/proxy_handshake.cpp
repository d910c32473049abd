// What the conversations with all proxies have in common.
#include "protocol/proxy_handshake.hpp"

#include <duplex/error.hpp>

#include "protocol/http_proxy.hpp"
#include "protocol/socks.hpp"

namespace duplex::protocol {

void proxy_handshake::receive_data(std::span<const std::byte> bytes) {
  if (failure_) return;
  const std::size_t taken = done_ ? 0 : take_in(bytes);
  // A server waits for its client's first word: these bytes are the proxy's.
  if (done_ && taken < bytes.size()) fail(proxy_error(name_ + " sent more than its answer"));
}

void proxy_handshake::receive_eof() {
  if (!done_ && !failure_) end();
}

std::unique_ptr<proxy_handshake> make_proxy_handshake(const detail::proxy& proxy,
                                                      const std::string& host, std::uint16_t port,
                                                      std::optional<std::string> user_agent) {
  using type = detail::proxy::type;
  switch (proxy.kind) {
    case type::socks4:
    case type::socks4a:
      return std::make_unique<socks4_handshake>(proxy, host, port);
    case type::socks5:
    case type::socks5h:
      return std::make_unique<socks5_handshake>(proxy, host, port);
    case type::http:
    case type::https:
      break;
  }
  return std::make_unique<http_proxy_handshake>(proxy, host, port, std::move(user_agent));
}

}  // namespace duplex::protocol
