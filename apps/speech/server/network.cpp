#include "speech/server/network.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>

namespace duplex::speech {

std::string network_of(const std::string& host) {
  in6_addr bytes{};
  const std::string address = host.substr(0, host.find('%'));  // without its interface
  if (inet_pton(AF_INET6, address.c_str(), &bytes) != 1) return host;
  if (IN6_IS_ADDR_V4MAPPED(&bytes)) return host;  // RFC 4291 section 2.5.5.2
  std::fill(std::begin(bytes.s6_addr) + 8, std::end(bytes.s6_addr), 0);
  char text[INET6_ADDRSTRLEN];
  return inet_ntop(AF_INET6, &bytes, text, sizeof text);
}

}  // namespace duplex::speech
