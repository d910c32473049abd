// Binding and listening, of TCP.
#include <cerrno>
#include <memory>
#include <utility>

#include <netinet/in.h>
#include <sys/socket.h>

#include <duplex/io/tcp.hpp>

#include "io/error.hpp"
#include "io/listener.hpp"
#include "net/descriptor.hpp"
#include "net/sockaddr.hpp"

namespace duplex::io {

std::unique_ptr<listener> listen_tcp(const address& at, int backlog, bool reuse_port) {
  const std::string doing = "cannot listen on " + to_string(at);
  auto require = [&doing](int result) {
    if (result < 0) throw_system_error(errno, doing);
    return result;
  };
  const auto to = net::to_sockaddr(at);
  net::descriptor socket(
      require(::socket(to.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP)));
  auto set = [&](int level, int option) {
    const int on = 1;
    require(setsockopt(socket.number(), level, option, &on, sizeof on));
  };
  set(SOL_SOCKET, SO_REUSEADDR);
  if (reuse_port) set(SOL_SOCKET, SO_REUSEPORT);
  // So that the wildcard addresses of both families can have the same port.
  if (to.family() == AF_INET6) set(IPPROTO_IPV6, IPV6_V6ONLY);
  require(bind(socket.number(), to.get(), to.size));
  require(::listen(socket.number(), backlog));
  return make_listener(std::move(socket));
}

}  // namespace duplex::io
