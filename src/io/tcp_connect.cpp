// Connecting to the first address that answers: "happy eyeballs", RFC 8305.
#include "io/tcp_connect.hpp"

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <duplex/coro/wait.hpp>
#include <duplex/io/loop.hpp>

#include "io/error.hpp"
#include "io/stream_socket.hpp"
#include "net/sockaddr.hpp"

namespace duplex::io {
namespace {

// RFC 8305 section 5.
constexpr auto attempt_delay = std::chrono::milliseconds(250);

// Attempts side by side. Destroying it closes all but the winner, which was taken out.
class race final : private coro::timer {
 public:
  race(io::loop& loop, std::vector<address> addresses, const std::optional<address>& local)
      : timer(loop), loop_(loop), addresses_(std::move(addresses)) {
    if (local) local_ = net::to_sockaddr(*local);
    start_next();
  }

  bool finished() const noexcept {
    return winner_ || (attempts_.empty() && next_ == addresses_.size());
  }
  coro::wait_queue& waiting() noexcept { return waiting_; }
  handle_owner<stream_socket> take_winner() noexcept { return std::move(winner_); }
  int last_error() const noexcept { return last_error_; }

 private:
  void expired() override { start_next(); }

  void start_next() {
    disarm();
    while (next_ < addresses_.size()) {
      handle_owner<stream_socket> socket(new stream_socket(loop_));
      stream_socket* attempt = socket.get();
      last_error_ = local_ ? attempt->bind(*local_) : 0;
      if (last_error_ == 0) {
        last_error_ = attempt->connect(net::to_sockaddr(addresses_[next_]),
                                       [this, attempt](int status) { connected(attempt, status); });
      }
      ++next_;
      if (last_error_ < 0) continue;
      attempts_.push_back(std::move(socket));
      if (next_ < addresses_.size()) arm(loop_.now() + attempt_delay);
      return;
    }
  }

  void connected(stream_socket* attempt, int status) {
    auto found = attempts_.begin();
    while (found->get() != attempt) ++found;
    auto socket = std::move(*found);
    attempts_.erase(found);
    if (status == 0) {
      winner_ = std::move(socket);
      attempts_.clear();
      disarm();
    } else {
      last_error_ = status;
      start_next();
    }
    if (finished()) waiting_.wake_all();
  }

  io::loop& loop_;
  std::vector<address> addresses_;
  std::optional<net::socket_address> local_;
  std::size_t next_ = 0;
  std::vector<handle_owner<stream_socket>> attempts_;
  handle_owner<stream_socket> winner_;
  int last_error_ = 0;
  coro::wait_queue waiting_;
};

}  // namespace

task<std::unique_ptr<stream>> connect_any(std::vector<address> addresses, std::string peer,
                                          limit limit, std::optional<address> local) {
  auto& loop = loop::current();
  race attempts(loop, net::in_turns(addresses), local);
  while (!attempts.finished()) {
    coro::wait waiting(loop, attempts.waiting(), limit);
    co_await waiting;
    waiting.throw_if_limited("connecting to " + peer);
  }
  auto winner = attempts.take_winner();
  if (!winner) {
    throw_system_error(to_error_code(attempts.last_error()), "cannot connect to " + peer);
  }
  co_return make_stream(std::move(winner));
}

task<std::unique_ptr<stream>> connect_tcp(std::string host, std::uint16_t port,
                                          address_family family, limit limit,
                                          std::optional<address> local) {
  std::string peer = to_string(address{host, port});
  if (local) {
    peer += " from " + local->host;
    const bool is_ipv6 = net::to_sockaddr(*local).family() == AF_INET6;
    family = is_ipv6 ? address_family::ipv6 : address_family::ipv4;
  }
  auto addresses = co_await resolve(host, port, family, limit);
  co_return co_await connect_any(std::move(addresses), std::move(peer), limit, std::move(local));
}

}  // namespace duplex::io
