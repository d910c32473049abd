// Blocking sockets of the system, for peers that behave badly.
#pragma once

#include <algorithm>
#include <cerrno>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/sockaddr.hpp"

namespace duplex::test {

/// A descriptor that closes itself.
class raw_socket {
 public:
  raw_socket() = default;
  explicit raw_socket(int number) : number_(number) {
    if (number < 0) throw std::system_error(errno, std::system_category());
  }
  raw_socket(raw_socket&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  raw_socket& operator=(raw_socket&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }
  ~raw_socket() {
    if (number_ >= 0) ::close(number_);
  }
  int number() const noexcept { return number_; }

  /// Connects; the kernel completes it where someone listens, accepted or not.
  static raw_socket connected(const address& to, bool wait = true) {
    const auto native = net::to_sockaddr(to);
    raw_socket result(
        ::socket(native.family(), SOCK_STREAM | SOCK_CLOEXEC | (wait ? 0 : SOCK_NONBLOCK), 0));
    const int status = ::connect(result.number_, native.get(), native.size);
    if (status < 0 && errno != EINPROGRESS) {
      throw std::system_error(errno, std::system_category());
    }
    return result;
  }

 private:
  int number_ = -1;
};

/// A listening socket whose queue is full: the system ignores who connects to it.
class blackhole {
 public:
  explicit blackhole(const std::string& host = "127.0.0.1") {
    const auto native = net::to_sockaddr({host, 0});
    listening_ = raw_socket(::socket(native.family(), SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (::bind(listening_.number(), native.get(), native.size) < 0 ||
        ::listen(listening_.number(), 0) < 0) {
      throw std::system_error(errno, std::system_category());
    }
    for (int i = 0; i < 8; ++i) filling_.push_back(raw_socket::connected(at(), false));
  }
  address at() const { return net::local_address_of(listening_.number()); }

 private:
  raw_socket listening_;
  std::vector<raw_socket> filling_;
};

/// How many descriptors the process has open.
inline int open_descriptors() {
  int count = 0;
  for (int i = 0; i < 4'096; ++i) count += ::fcntl(i, F_GETFD) >= 0;
  return count;
}

/// Lets the process open so many; false where the system does not allow it.
inline bool allow_descriptors(rlim_t count) {
  rlimit limit = {};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = std::max(limit.rlim_cur, std::min(count, limit.rlim_max));
  return limit.rlim_cur >= count && ::setrlimit(RLIMIT_NOFILE, &limit) == 0;
}

/// Leaves room for so many more descriptors; gives the room back at its end. A test with one skips
/// where `checks_virtual_calls`.
class descriptor_shortage {
 public:
  explicit descriptor_shortage(int room) {
    ::getrlimit(RLIMIT_NOFILE, &before_);
    int highest = 0;
    for (int i = 0; i < 4'096; ++i) {
      if (::fcntl(i, F_GETFD) >= 0) highest = i;
    }
    rlimit less = before_;
    less.rlim_cur = static_cast<rlim_t>(highest + 1 + room);
    ::setrlimit(RLIMIT_NOFILE, &less);
    for (int filler = ::dup(2); filler >= 0; filler = ::dup(2)) fillers_.emplace_back(filler);
    while (room-- > 0) fillers_.pop_back();
  }
  descriptor_shortage(const descriptor_shortage&) = delete;
  descriptor_shortage& operator=(const descriptor_shortage&) = delete;
  ~descriptor_shortage() { ::setrlimit(RLIMIT_NOFILE, &before_); }

 private:
  rlimit before_ = {};
  std::vector<raw_socket> fillers_;
};

}  // namespace duplex::test
