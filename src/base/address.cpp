// Addresses in words.
#include <duplex/io/address.hpp>

#include <utility>

namespace duplex {

namespace {

constexpr std::string_view unix_scheme = "unix:";

}  // namespace

address unix_address(std::string_view path) {
  std::string host(unix_scheme);
  host += path;
  if (path.starts_with('\0')) host[unix_scheme.size()] = '@';
  return {std::move(host)};
}

std::optional<std::string_view> unix_path_of(std::string_view host) noexcept {
  if (!host.starts_with(unix_scheme)) return std::nullopt;
  return host.substr(unix_scheme.size());
}

std::string to_string(const address& address) {
  if (unix_path_of(address.host)) return address.host;
  const bool literal = address.host.find(':') != std::string::npos;
  return (literal ? "[" + address.host + "]" : address.host) + ":" + std::to_string(address.port);
}

}  // namespace duplex
