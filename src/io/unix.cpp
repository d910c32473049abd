// Unix sockets as streams and listeners.
#include <duplex/io/unix.hpp>

#include <chrono>
#include <memory>
#include <utility>

#include <duplex/coro/scope.hpp>
#include <duplex/error.hpp>
#include <duplex/io/loop.hpp>

#include "io/listener.hpp"
#include "io/stream_socket.hpp"
#include "net/sockaddr.hpp"
#include "net/unix.hpp"

namespace duplex::io {
namespace {

class unix_listener final : public listener {
 public:
  unix_listener(const address& at, int backlog, std::optional<unsigned> permissions)
      : file_(at, backlog, permissions), inner_(make_listener(file_.take_socket())) {}
  ~unix_listener() override { file_.remove_file(); }

  void start(accepted on_accepted) override { inner_->start(std::move(on_accepted)); }
  void stop() override { inner_->stop(); }
  address local_address() const override { return inner_->local_address(); }

 private:
  net::unix_listening file_;
  std::unique_ptr<listener> inner_;
};

}  // namespace

task<std::unique_ptr<stream>> connect_unix(std::string path, limit limit) {
  const address to = unix_address(path);
  for (;;) {
    auto connected = net::connect_unix(to);
    if (connected) co_return make_stream(std::move(connected), net::to_sockaddr(to));
    if (limit.deadline() && loop::current().now() >= *limit.deadline()) {
      throw timeout("connecting to " + to_string(to) + " timed out");
    }
    co_await sleep_for(net::unix_retry, limit.token());
  }
}

std::unique_ptr<listener> listen_unix(std::string_view path, int backlog,
                                      std::optional<unsigned> permissions) {
  return std::make_unique<unix_listener>(unix_address(path), backlog, permissions);
}

}  // namespace duplex::io
