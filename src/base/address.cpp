// Addresses in words.
#include <duplex/io/address.hpp>

#include <utility>

namespace duplex {

address unix_address(std::string_view path) {
  std::string host = "unix:";
  const auto name_at = host.size();
  host += path;
  if (path.starts_with('\0')) host[name_at] = '@';
  return {std::move(host)};
}

std::string to_string(const address& address) {
  if (address.is_unix()) return address.host;
  const bool literal = address.host.find(':') != std::string::npos;
  return (literal ? "[" + address.host + "]" : address.host) + ":" + std::to_string(address.port);
}

}  // namespace duplex
