// systemd's environment variables: sd_listen_fds(3) and sd_notify(3).
#include <duplex/io/systemd.hpp>

#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <exception>
#include <stdexcept>
#include <string>

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/descriptor.hpp"
#include "net/error.hpp"
#include "net/sockaddr.hpp"

namespace duplex {
namespace {

constexpr int first_socket = 3;  // SD_LISTEN_FDS_START

std::string_view variable(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

int number_in(const char* name) {
  const auto text = variable(name);
  int number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error == std::errc() && end == text.data() + text.size() && number >= 0) return number;
  net::throw_system_error(EINVAL, std::string(name) + " is '" + std::string(text) + "'");
}

}  // namespace

std::vector<int> systemd_sockets(std::string_view name) {
  // Of another process where a parent of ours was activated.
  if (variable("LISTEN_PID").empty() || number_in("LISTEN_PID") != getpid()) return {};
  std::vector<int> sockets;
  auto names = variable("LISTEN_FDNAMES");
  const std::string all_names(names);
  const int count = number_in("LISTEN_FDS");
  for (int i = 0; i < count; ++i) {
    const int flags = fcntl(first_socket + i, F_GETFD);
    if (flags < 0 || fcntl(first_socket + i, F_SETFD, flags | FD_CLOEXEC) < 0) {
      net::throw_system_error(errno, "LISTEN_FDS is '" + std::to_string(count) + "', descriptor " +
                                         std::to_string(first_socket + i));
    }
    const auto own_name = names.substr(0, names.find(':'));
    names.remove_prefix(std::min(own_name.size() + 1, names.size()));
    if (name.empty() || own_name == name) sockets.push_back(first_socket + i);
  }
  if (count > 0 && sockets.empty()) {
    throw std::invalid_argument("systemd has no socket named '" + std::string(name) +
                                "' for this process, but '" + all_names + "'");
  }
  return sockets;
}

void io::notify_systemd(std::string_view state) noexcept try {
  const auto path = variable("NOTIFY_SOCKET");
  if (path.empty()) return;
  const auto to = net::to_sockaddr(unix_address(path));
  const net::descriptor socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ::sendto(socket.number(), state.data(), state.size(), MSG_NOSIGNAL, to.get(), to.size);
} catch (const std::exception&) {  // a service runs without being told of, too
}

}  // namespace duplex
