// Sockets that others have made and hand over.
#include "net/adopted.hpp"

#include <cerrno>
#include <stdexcept>
#include <string>

#include <fcntl.h>
#include <sys/socket.h>

namespace duplex::net {
namespace {

int option_of(int socket, int option) {
  int value = 0;
  socklen_t size = sizeof value;
  return getsockopt(socket, SOL_SOCKET, option, &value, &size) == 0 ? value : -1;
}

[[noreturn]] void refuse(const char* wanted, int socket, const char* found) {
  throw std::invalid_argument("sock must be a " + std::string(wanted) + " socket, got " +
                              std::to_string(socket) + ", which is " + found);
}

// Whether it listens; nothing else than a stream socket comes back.
bool is_listening(const char* wanted, int socket) {
  const int type = option_of(socket, SO_TYPE);
  if (type < 0) refuse(wanted, socket, errno == EBADF ? "not open" : "no socket");
  if (type != SOCK_STREAM) refuse(wanted, socket, "no stream socket");
  return option_of(socket, SO_ACCEPTCONN) == 1;
}

}  // namespace

void require_connected(int socket) {
  constexpr const char* wanted = "connected";
  if (is_listening(wanted, socket)) refuse(wanted, socket, "a listening one");
  sockaddr_storage peer;
  socklen_t size = sizeof peer;
  if (getpeername(socket, reinterpret_cast<sockaddr*>(&peer), &size) != 0) {
    refuse(wanted, socket, "not connected");
  }
}

void require_listening(int socket) {
  constexpr const char* wanted = "listening";
  if (!is_listening(wanted, socket)) refuse(wanted, socket, "not listening");
}

descriptor take_over(int socket) noexcept {
  fcntl(socket, F_SETFD, FD_CLOEXEC);
  return descriptor(socket);
}

}  // namespace duplex::net
