// Looking up names in a thread that can be left behind, and connecting with several attempts.
#include "sync/tcp.hpp"

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>

#include <duplex/error.hpp>

#include "net/sockaddr.hpp"
#include "net/unix.hpp"
#include "sync/thread.hpp"

namespace duplex::sync {
namespace {

// RFC 8305 section 5.
constexpr auto attempt_delay = std::chrono::milliseconds(250);

// What is asked and answered; shared with a thread that may outlive the asking.
struct look_up {
  std::string host, port;
  addrinfo hints = {};

  std::mutex mutex = {};
  std::condition_variable answered = {};
  bool done = false;
  std::error_code error = {};
  std::vector<address> addresses = {};

  void run(int flags) {
    addrinfo asked = hints;
    asked.ai_flags |= flags;
    addrinfo* list = nullptr;
    const int result = getaddrinfo(host.c_str(), port.c_str(), &asked, &list);
    const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> owner(list, &freeaddrinfo);
    const std::lock_guard lock(mutex);
    error = result == 0 ? std::error_code() : net::to_resolver_error(result);
    addresses = net::to_addresses(list);
    done = true;
    answered.notify_all();
  }
};

// Attempts side by side; those that did not win are closed with it.
class race {
 public:
  race(std::vector<address> addresses, const std::optional<address>& local)
      : addresses_(std::move(addresses)) {
    if (local) local_ = net::to_sockaddr(*local);
  }

  descriptor run(const std::string& peer, std::optional<clock::time_point> deadline) {
    for (;;) {
      if (may_start() && (attempts_.empty() || clock::now() >= next_start_)) start_next();
      if (attempts_.empty() && !may_start()) {
        throw_system_error(last_error_, "cannot connect to " + peer);
      }
      if (attempts_.empty()) continue;
      if (deadline && clock::now() >= *deadline) {
        throw timeout("connecting to " + peer + " timed out");
      }
      auto until = deadline;
      if (may_start()) until = deadline ? std::min(*deadline, next_start_) : next_start_;
      wait_for_events(events_, until);
      if (auto winner = take_winner()) return winner;
    }
  }

 private:
  bool may_start() const { return next_ < addresses_.size(); }

  void start_next() {
    const auto to = net::to_sockaddr(addresses_[next_++]);
    descriptor attempt(
        socket(to.family(), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_TCP));
    if (!attempt || (local_ && !bind_to(attempt, *local_)) ||
        (connect(attempt.number(), to.get(), to.size) != 0 && errno != EINPROGRESS)) {
      last_error_ = errno;
      return;
    }
    next_start_ = clock::now() + attempt_delay;
    events_.push_back({.fd = attempt.number(), .events = POLLOUT, .revents = 0});
    attempts_.push_back(std::move(attempt));
  }

  static bool bind_to(const descriptor& attempt, const net::socket_address& local) {
    const int on = 1;
    setsockopt(attempt.number(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    return bind(attempt.number(), local.get(), local.size) == 0;
  }

  descriptor take_winner() {
    for (std::size_t i = 0; i < attempts_.size();) {
      if (events_[i].revents == 0) {
        ++i;
        continue;
      }
      int error = 0;
      socklen_t size = sizeof error;
      getsockopt(attempts_[i].number(), SOL_SOCKET, SO_ERROR, &error, &size);
      descriptor attempt = std::move(attempts_[i]);
      attempts_.erase(attempts_.begin() + static_cast<std::ptrdiff_t>(i));
      events_.erase(events_.begin() + static_cast<std::ptrdiff_t>(i));
      if (error == 0) return attempt;
      last_error_ = error;
      next_start_ = clock::now();
    }
    return {};
  }

  std::vector<address> addresses_;
  std::optional<net::socket_address> local_;
  std::size_t next_ = 0;
  clock::time_point next_start_ = {};
  std::vector<descriptor> attempts_;
  std::vector<pollfd> events_;  // of the attempts
  int last_error_ = 0;
};

}  // namespace

std::vector<address> resolve(const std::string& host, std::uint16_t port, address_family family,
                             std::optional<clock::time_point> deadline) {
  const auto asked = std::make_shared<look_up>();
  asked->host = host;
  asked->port = std::to_string(port);
  asked->hints.ai_family = family == address_family::ipv4   ? AF_INET
                           : family == address_family::ipv6 ? AF_INET6
                                                            : AF_UNSPEC;
  asked->hints.ai_socktype = SOCK_STREAM;
  asked->hints.ai_flags = AI_NUMERICSERV;
  asked->run(AI_NUMERICHOST);  // a number needs no looking up and no thread
  std::unique_lock lock(asked->mutex);
  if (asked->error) {
    asked->done = false;
    start_thread([asked] { asked->run(0); }).detach();
    const auto done = [&] { return asked->done; };
    if (!deadline) {
      asked->answered.wait(lock, done);
    } else if (!asked->answered.wait_until(lock, *deadline, done)) {
      throw timeout("resolving '" + host + "' timed out");
    }
  }
  if (asked->error) throw_system_error(asked->error, "cannot resolve '" + host + "'");
  return asked->addresses;
}

descriptor connect_tcp(const std::vector<address>& addresses, const std::string& peer,
                       std::optional<clock::time_point> deadline,
                       const std::optional<address>& local) {
  const std::string from = local ? " from " + local->host : std::string();
  return make_blocking(race(net::in_turns(addresses), local).run(peer + from, deadline));
}

descriptor connect_unix(const address& to, std::optional<clock::time_point> deadline) {
  for (;;) {
    if (auto connected = net::connect_unix(to)) return make_blocking(std::move(connected));
    if (deadline && clock::now() >= *deadline) {
      throw timeout("connecting to " + to_string(to) + " timed out");
    }
    std::this_thread::sleep_for(net::unix_retry);
  }
}

descriptor make_blocking(descriptor socket) noexcept {
  const int on = 1;  // not an option of a unix socket, which has no Nagle's algorithm either
  setsockopt(socket.number(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  fcntl(socket.number(), F_SETFL, fcntl(socket.number(), F_GETFL) & ~O_NONBLOCK);
  return socket;
}

}  // namespace duplex::sync
