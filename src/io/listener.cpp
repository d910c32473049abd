// Listening sockets. Accepting is our own, on a poll handle: libuv's accepts and drops connections
// where it has run out of descriptors, and cannot stop listening.
#include "io/listener.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <memory>
#include <new>
#include <stdexcept>
#include <utility>

#include <sys/socket.h>
#include <uv.h>

#include <duplex/io/loop.hpp>

#include "io/error.hpp"
#include "io/handle.hpp"
#include "io/stream_socket.hpp"
#include "net/adopted.hpp"
#include "net/sockaddr.hpp"

namespace duplex::io {
namespace {

// How long accepting rests where the system has run out of something.
constexpr auto accept_pause = std::chrono::milliseconds(100);
// Connections taken before everyone else has a turn.
constexpr int accept_batch = 64;

class acceptor final : public handle, private coro::timer {
 public:
  acceptor(io::loop& loop, net::descriptor socket)
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
  void closing() noexcept override { stop(); }
  // libuv looks at the descriptor once more, which must not be another thread's by then.
  void begin_close() noexcept override {
    handle::begin_close();
    socket_.close();
  }
  void expired() override { resume(); }
  void resume() {
    if (!is_open()) return;
    uv_poll_start(&native_, UV_READABLE, [](uv_poll_t* poll, int, int) noexcept {
      auto& self = *static_cast<acceptor*>(static_cast<handle*>(poll->data));
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
      net::socket_address peer;
      net::descriptor connection(
          accept4(socket_.number(), peer.get(), &peer.size, SOCK_NONBLOCK | SOCK_CLOEXEC));
      if (!connection) {
        if (errno == EINTR || errno == ECONNABORTED) continue;
        if (errno == EAGAIN || errno == EWOULDBLOCK) return;
        pause();
        return arm(loop().now() + accept_pause);
      }
      try {
        handle_owner<stream_socket> socket(new stream_socket(loop()));
        if (socket->adopt(connection, peer) < 0) continue;
        (*accepted)(make_stream(std::move(socket)));
      } catch (const std::bad_alloc&) {  // no memory for this one: it is dropped
      }
    }
  }

  uv_poll_t native_;
  net::descriptor socket_;
  std::shared_ptr<listener::accepted> accepted_;
};

class socket_listener final : public listener {
 public:
  explicit socket_listener(handle_owner<acceptor> acceptor) : acceptor_(std::move(acceptor)) {}

  void start(accepted on_accepted) override { acceptor_->start(std::move(on_accepted)); }
  void stop() override { acceptor_->stop(); }
  address local_address() const override { return net::local_address_of(acceptor_->number()); }

 private:
  handle_owner<acceptor> acceptor_;
};

}  // namespace

std::unique_ptr<listener> make_listener(net::descriptor socket) {
  return std::make_unique<socket_listener>(
      handle_owner<acceptor>(new acceptor(loop::current(), std::move(socket))));
}

std::vector<std::unique_ptr<listener>> adopt_listeners(std::span<const int> sockets) {
  for (auto at = sockets.begin(); at != sockets.end(); ++at) {
    net::require_listening(*at);
    if (std::find(sockets.begin(), at, *at) == at) continue;
    throw std::invalid_argument("sock must be different sockets, got " + std::to_string(*at) +
                                " twice");
  }
  std::vector<net::descriptor> ours;
  ours.reserve(sockets.size());
  for (const int each : sockets) ours.push_back(net::take_over(each));
  std::vector<std::unique_ptr<listener>> result;
  for (auto& each : ours) result.push_back(make_listener(std::move(each)));
  return result;
}

}  // namespace duplex::io
