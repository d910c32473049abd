// Proxies: their URLs, and which one the environment names for a server.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <duplex/error.hpp>
#include <duplex/io/address.hpp>
#include <duplex/uri.hpp>

#include "base/environment.hpp"

namespace duplex::detail {

/// A proxy, as its URL says.
struct proxy {
  enum class type : unsigned char { http, https, socks4, socks4a, socks5, socks5h };

  type kind = type::http;
  std::string host = {};
  std::uint16_t port = 0;
  std::optional<std::pair<std::string, std::string>> credentials = {};

  /// Whether the proxy is told an address instead of a name.
  bool wants_address() const noexcept { return kind == type::socks4 || kind == type::socks5; }
  /// "proxy localhost:3128", for messages.
  std::string name() const { return "proxy " + to_string(address{host, port}); }
  /// What to throw where it could not be found, or not be connected to.
  system_error unreachable(std::error_code why) const;
};

/// `http`, `https`, `socks4`, `socks4a`, `socks5` or `socks5h`, with the port they have by default
/// (80, 443, 1080). Throws invalid_proxy, which quotes no credentials.
proxy parse_proxy(std::string_view url);

/// The URL of the proxy for a server, as Python's websockets and urllib find it: the most specific
/// of `ws_proxy` or `wss_proxy`, `socks_proxy`, `https_proxy`, `http_proxy` (not for wss) and, as
/// curl has it, `all_proxy`. A name in lower case wins over the same in upper case, also where it
/// is empty, which means none. HTTP_PROXY is ignored in a CGI program, whose client may set it.
/// What has no scheme is an HTTP proxy, or in `socks_proxy` one of SOCKS 5.
std::optional<std::string> find_proxy(const uri& target, const environment_variables& lookup);

/// Whether the value of `no_proxy` names a server: a list of names, each with what is below it,
/// `name:port`, addresses, networks (10.0.0.0/8), or `*` for everything.
bool bypasses_proxy(std::string_view no_proxy, const std::string& host, std::uint16_t port);

}  // namespace duplex::detail
