// The plain transport: one system call for each of its calls.
#include "sync/transport.hpp"

#include <utility>

#include "net/adopted.hpp"
#include "sync/tcp.hpp"

namespace duplex::sync {
namespace {

class plain_transport final : public transport {
 public:
  explicit plain_transport(sync::descriptor socket) noexcept : socket_(std::move(socket)) {}

  int descriptor() const noexcept override { return socket_.number(); }

  transfer read_some(std::span<std::byte> to) noexcept override {
    return sync::read_some(socket_.number(), to, waiting::no);
  }

  transfer write_some(const std::array<std::span<const std::byte>, 2>& bytes) noexcept override {
    if (bytes[0].empty() && bytes[1].empty()) return {};
    return sync::write_some(socket_.number(), bytes);
  }

  bool can_wait() const noexcept override { return true; }

  transfer wait_and_read(std::span<std::byte> to,
                         std::chrono::milliseconds timeout) noexcept override {
    if (timeout != receive_timeout_) {
      set_receive_timeout(socket_.number(), timeout);
      receive_timeout_ = timeout;
    }
    return sync::read_some(socket_.number(), to, waiting::yes);
  }

  void shut_down() noexcept override { sync::shut_down(socket_.number()); }
  void reset_at_close() noexcept override { sync::reset_at_close(socket_.number()); }
  void close() noexcept override { socket_.close(); }

 private:
  sync::descriptor socket_;
  std::chrono::milliseconds receive_timeout_{0};
};

}  // namespace

transfer transport::wait_and_read(std::span<std::byte> to, std::chrono::milliseconds) noexcept {
  return read_some(to);
}

std::unique_ptr<transport> make_plain_transport(descriptor socket) {
  return std::make_unique<plain_transport>(std::move(socket));
}

std::unique_ptr<transport> adopt_transport(int socket) {
  net::require_connected(socket);
  return make_plain_transport(make_blocking(net::take_over(socket)));
}

}  // namespace duplex::sync
