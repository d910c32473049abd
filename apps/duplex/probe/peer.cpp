#include "probe/peer.hpp"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <duplex/error.hpp>
#include <stdexcept>
#include <system_error>

namespace duplex::probe {
namespace {

// Bytes sealed before they are sent.
constexpr std::size_t sealed_max = std::size_t{1} << 16;

}  // namespace

std::vector<socket_address> resolve(const uri& uri) {
  addrinfo hints = {};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const std::string port = std::to_string(uri.port());
  const int status = getaddrinfo(uri.host().c_str(), port.c_str(), &hints, &found);
  if (status != 0) throw std::runtime_error(uri.host() + ": " + gai_strerror(status));
  std::vector<socket_address> addresses;
  for (const addrinfo* each = found; each != nullptr; each = each->ai_next) {
    socket_address& address = addresses.emplace_back();
    std::copy_n(reinterpret_cast<const char*>(each->ai_addr), each->ai_addrlen,
                reinterpret_cast<char*>(&address.storage));
    address.size = each->ai_addrlen;
  }
  freeaddrinfo(found);
  return addresses;
}

// Delegates so that the destructor closes the socket of a TLS that fails.
peer::peer(const target& target, time_point deadline) : peer() {
  const auto connects = [&](const socket_address& each) { return connect_to(each, deadline); };
  if (std::ranges::none_of(target.addresses, connects)) {
    throw system_error({errno, std::system_category()},
                       "cannot connect to " + target.uri.host_header());
  }
  if (!target.tls) return;
  try {
    start_tls(target, deadline);
  } catch (const std::runtime_error& problem) {
    throw std::runtime_error("no TLS with " + target.uri.host_header() + ": " + problem.what());
  }
}

peer::~peer() {
  if (socket_ >= 0) ::close(socket_);
}

void peer::start_tls(const target& target, time_point deadline) {
  tls_.emplace(target.tls, target.uri.host());
  for (;;) {
    const bool done = tls_->shake_hands();
    if (!write_bytes(tls_->take_output(), deadline)) {
      throw std::runtime_error("the server takes no handshake");
    }
    if (done) return unseal();
    if (ended_ != outcome::data) throw std::runtime_error("the server ends the handshake");
    if (wait(POLLIN, deadline) == 0) throw std::runtime_error("no answer in time");
    receive();
  }
}

// False with errno set where it fails.
bool peer::connect_to(const socket_address& to, time_point deadline) {
  socket_ = ::socket(to.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (socket_ < 0) return false;
  const int on = 1;
  setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  int problem = 0;
  if (::connect(socket_, reinterpret_cast<const sockaddr*>(&to.storage), to.size) != 0) {
    problem = errno;
    if (problem == EINPROGRESS) {
      socklen_t size = sizeof problem;
      if (wait(POLLOUT, deadline) == 0) {
        problem = ETIMEDOUT;
      } else {
        getsockopt(socket_, SOL_SOCKET, SO_ERROR, &problem, &size);
      }
    }
  }
  if (problem == 0) return true;
  ::close(std::exchange(socket_, -1));
  errno = problem;
  return false;
}

// What is ready; 0 once the deadline passed.
short peer::wait(short events, time_point deadline) const {
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - clock::now()).count();
    pollfd ready{.fd = socket_, .events = events, .revents = 0};
    const int count = ::poll(&ready, 1, static_cast<int>(std::clamp<long long>(left, 0, 600'000)));
    if (count > 0) return ready.revents;
    if (count == 0 && left <= 600'000) return 0;
  }
}

void peer::receive() {
  std::array<char, 65536> bytes;
  const auto count = ::recv(socket_, bytes.data(), bytes.size(), 0);
  if (count > 0) {
    const std::string_view received(bytes.data(), static_cast<std::size_t>(count));
    if (!tls_) {
      input_.append(received);
    } else {
      tls_->receive(received);
      if (tls_->established()) unseal();
    }
  } else if (count == 0) {
    ended_ = outcome::end;
  } else if (errno != EAGAIN && errno != EINTR) {
    ended_ = outcome::reset;
  }
}

void peer::unseal() {
  const auto state = tls_->unseal(input_);
  if (state == tls_session::state::ended) ended_ = outcome::end;
  if (state == tls_session::state::broken) ended_ = outcome::reset;
}

bool peer::write(std::string_view bytes, time_point deadline) {
  if (!tls_) return write_bytes(bytes, deadline);
  while (!bytes.empty()) {
    const auto piece = bytes.substr(0, sealed_max);
    bytes.remove_prefix(piece.size());
    tls_->seal(piece);
    if (!write_bytes(tls_->take_output(), deadline)) return false;
  }
  return true;
}

bool peer::write_bytes(std::string_view bytes, time_point deadline) {
  while (!bytes.empty()) {
    const bool listening = ended_ == outcome::data && input().size() < input_max;
    const short ready = wait(static_cast<short>(listening ? POLLIN | POLLOUT : POLLOUT), deadline);
    if (ready == 0) return false;
    if (listening && (ready & POLLIN) != 0) receive();
    if ((ready & ~POLLIN) == 0) continue;
    const auto count = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (count > 0) {
      bytes.remove_prefix(static_cast<std::size_t>(count));
    } else if (errno != EAGAIN && errno != EINTR) {
      return false;
    }
  }
  return true;
}

void peer::finish_writing() {
  if (tls_) {
    tls_->finish();
    const std::string farewell = tls_->take_output();
    ::send(socket_, farewell.data(), farewell.size(), MSG_NOSIGNAL);  // no harm if it is lost
  }
  ::shutdown(socket_, SHUT_WR);
}

peer::outcome peer::read(time_point deadline) {
  const std::size_t before = input_.size();
  while (input_.size() == before) {
    if (input().size() >= input_max) return outcome::flood;
    if (ended_ != outcome::data) return ended_;
    if (wait(POLLIN, deadline) == 0) return outcome::timeout;
    receive();
  }
  return outcome::data;
}

void peer::consume(std::size_t count) {
  consumed_ += count;
  if (consumed_ == input_.size() || consumed_ > std::size_t{1} << 20) {
    input_.erase(0, std::exchange(consumed_, 0));
  }
}

void peer::unread(std::string_view bytes) { input_.insert(consumed_, bytes); }

}  // namespace duplex::probe
