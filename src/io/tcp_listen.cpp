// Listening sockets. Accepting is our own, on a poll handle: libuv's accepts and drops connections
// where it has run out of descriptors, and cannot stop listening.
#include <array>
#include <cerrno>
#include <chrono>
#include <memory>
#include <new>
#include <utility>

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#include <duplex/io/loop.hpp>
#include <duplex/io/tcp.hpp>

#include "io/error.hpp"
#include "io/handle.hpp"
#include "io/sockaddr.hpp"
#include "io/tcp_socket.hpp"

namespace duplex::io {
namespace {

// How long accepting rests where the system has run out of something.
constexpr auto accept_pause = std::chrono::milliseconds(100);
// Connections taken before everyone else has a turn.
constexpr int accept_batch = 64;

class descriptor {
 public:
  explicit descriptor(int number) noexcept : number_(number) {}
  descriptor(descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  descriptor& operator=(descriptor&&) = delete;
  ~descriptor() { reset(); }
  int number() const noexcept { return number_; }
  int release() noexcept { return std::exchange(number_, -1); }
  void reset() noexcept {
    if (number_ >= 0) ::close(release());
  }

 private:
  int number_;
};

class tcp_acceptor final : public handle, private coro::timer {
 public:
  tcp_acceptor(io::loop& loop, descriptor socket)
      : handle(loop), timer(loop), socket_(std::move(socket)) {
    if (int error = uv_poll_init(loop.native(), &native_, socket_.number()); error < 0) {
      throw_system_error(to_error_code(error), "cannot watch a listening socket");
    }
    opened(reinterpret_cast<uv_handle_t*>(&native_));
  }

  void start(listener::accepted accepted) {
    accepted_ = std::make_shared<listener::accepted>(std::move(accepted));
    resume();
  }
  void stop() noexcept {
    accepted_.reset();
    if (is_open()) pause();
  }
  int number() const noexcept { return socket_.number(); }

 private:
  void closing() noexcept override {
    stop();
    socket_.reset();
  }
  void expired() override { resume(); }
  void resume() {
    if (!is_open()) return;
    uv_poll_start(&native_, UV_READABLE, [](uv_poll_t* poll, int, int) noexcept {
      auto& self = *static_cast<tcp_acceptor*>(static_cast<handle*>(poll->data));
      callback end(self.loop());
      self.accept_all();
    });
  }
  void pause() noexcept {
    disarm();
    uv_poll_stop(&native_);
  }

  void accept_all() {
    // A callback may stop or destroy the listener, or set another callback.
    const auto accepted = accepted_;
    for (int i = 0; i < accept_batch && accepted == accepted_ && accepted; ++i) {
      sockaddr_storage peer = {};
      socklen_t size = sizeof peer;
      const int number = accept4(socket_.number(), reinterpret_cast<sockaddr*>(&peer), &size,
                                 SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (number < 0) {
        if (errno == EINTR || errno == ECONNABORTED) continue;
        if (errno == EAGAIN || errno == EWOULDBLOCK) return;
        pause();
        return arm(loop().now() + accept_pause);
      }
      descriptor connection(number);
      try {
        handle_owner<tcp_socket> socket(new tcp_socket(loop()));
        if (socket->adopt(connection.number(), peer) < 0) continue;
        connection.release();
        (*accepted)(make_tcp_stream(std::move(socket)));
      } catch (const std::bad_alloc&) {  // no memory for this one: it is dropped
      }
    }
  }

  uv_poll_t native_;
  descriptor socket_;
  std::shared_ptr<listener::accepted> accepted_;
};

class tcp_listener final : public listener {
 public:
  explicit tcp_listener(handle_owner<tcp_acceptor> acceptor) : acceptor_(std::move(acceptor)) {}

  void start(accepted on_accepted) override { acceptor_->start(std::move(on_accepted)); }
  void stop() override { acceptor_->stop(); }
  address local_address() const override {
    sockaddr_storage own = {};
    socklen_t size = sizeof own;
    if (getsockname(acceptor_->number(), reinterpret_cast<sockaddr*>(&own), &size) < 0) return {};
    return to_address(own);
  }

 private:
  handle_owner<tcp_acceptor> acceptor_;
};

}  // namespace

std::unique_ptr<listener> listen_tcp(const address& at, int backlog, bool reuse_port) {
  const std::string doing = "cannot listen on " + to_string(at);
  auto require = [&doing](int result) {
    if (result < 0) throw_system_error({errno, std::system_category()}, doing);
    return result;
  };
  const sockaddr_storage to = to_sockaddr(at);
  descriptor socket(
      require(::socket(to.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP)));
  auto set = [&](int level, int option) {
    const int on = 1;
    require(setsockopt(socket.number(), level, option, &on, sizeof on));
  };
  set(SOL_SOCKET, SO_REUSEADDR);
  if (reuse_port) set(SOL_SOCKET, SO_REUSEPORT);
  // So that the wildcard addresses of both families can have the same port.
  if (to.ss_family == AF_INET6) set(IPPROTO_IPV6, IPV6_V6ONLY);
  require(bind(socket.number(), reinterpret_cast<const sockaddr*>(&to), size_of(to)));
  require(::listen(socket.number(), backlog));
  return std::make_unique<tcp_listener>(
      handle_owner<tcp_acceptor>(new tcp_acceptor(loop::current(), std::move(socket))));
}

}  // namespace duplex::io
