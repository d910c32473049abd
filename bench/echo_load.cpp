// Epoll, non-blocking sockets, and the server's CPU clock.
#include "echo_load.hpp"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "server_process.hpp"

namespace {

[[noreturn]] void fail(const std::string& what) {
  std::fprintf(stderr, "bench_echo: %s\n", what.c_str());
  std::exit(1);
}

double seconds_now() {
  timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

// The header of a frame: binary, final, as RFC 6455 section 5.2 lays it out.
std::vector<char> frame_header(std::size_t size, bool masked) {
  const int mask_bit = masked ? 0x80 : 0;
  std::vector<char> header{'\x82'};
  const int extra = size < 126 ? 0 : size < 65536 ? 2 : 8;
  header.push_back(static_cast<char>(mask_bit | (extra == 0   ? static_cast<int>(size)
                                                 : extra == 2 ? 126
                                                              : 127)));
  for (int i = extra - 1; i >= 0; --i) header.push_back(static_cast<char>(size >> (8 * i)));
  if (masked) header.insert(header.end(), {'\x12', '\x34', '\x56', '\x78'});
  return header;
}

}  // namespace

echo_load::echo_load(std::uint16_t port, pid_t server, const echo_work& work, bool websocket)
    : input_(256 * 1024), work_(work), server_(server) {
  auto frame = frame_header(work.size, true);
  frame.resize(frame.size() + work.size, 'x');
  frame_size_ = frame.size();
  for (int i = 0; i < work.in_flight; ++i)
    frames_.insert(frames_.end(), frame.begin(), frame.end());
  expected_head_ = websocket ? frame_header(work.size, false) : frame_header(work.size, true);
  echo_size_ = expected_head_.size() + work.size;

  epoll_ = epoll_create1(0);
  clients_.resize(static_cast<std::size_t>(work.connections));
  for (auto& each : clients_) open(each, port, websocket);
}

echo_load::~echo_load() {
  for (auto& each : clients_) close(each.socket);
  close(epoll_);
}

void echo_load::open(client& each, std::uint16_t port, bool websocket) {
  each.socket = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in at = {};
  at.sin_family = AF_INET;
  at.sin_port = htons(port);
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(each.socket, reinterpret_cast<sockaddr*>(&at), sizeof(at)) != 0)
    fail("cannot connect");
  const int on = 1;
  setsockopt(each.socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  if (websocket) {
    const std::string request =
        "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
    if (write(each.socket, request.data(), request.size()) < 0) fail("cannot write");
    std::string response;
    while (response.find("\r\n\r\n") == std::string::npos) {
      char bytes[1024];
      const auto count = read(each.socket, bytes, sizeof(bytes));
      if (count <= 0) fail("the server closed during the handshake");
      response.append(bytes, static_cast<std::size_t>(count));
    }
    if (response.rfind("HTTP/1.1 101", 0) != 0) fail("no 101: " + response);
  }
  epoll_event event = {};
  event.events = EPOLLIN | EPOLLOUT | EPOLLET;
  event.data.ptr = &each;
  epoll_ctl(epoll_, EPOLL_CTL_ADD, each.socket, &event);
}

void echo_load::receive(client& each) {
  for (;;) {
    const auto count = recv(each.socket, input_.data(), input_.size(), MSG_DONTWAIT);
    if (count < 0 && errno == EAGAIN) return;
    if (count <= 0) fail("the server closed a connection");
    auto left = static_cast<std::size_t>(count);
    if (each.received == 0 && left >= expected_head_.size() &&
        !std::equal(expected_head_.begin(), expected_head_.end(), input_.begin())) {
      fail("an echo is wrong");
    }
    const auto all = each.received + left;
    const auto whole = all / echo_size_;
    each.received = all % echo_size_;
    each.waiting -= static_cast<int>(whole);
    echoed_ += whole;
    if (static_cast<std::size_t>(count) < input_.size()) return;
  }
}

void echo_load::top_up(client& each) {
  const auto missing = static_cast<std::size_t>(work_.in_flight - each.waiting);
  auto bytes = each.unsent + missing * frame_size_;
  each.waiting = work_.in_flight;
  // Every frame is the same, so that the end of the row always fits what is unsent.
  while (bytes > 0) {
    const auto part = std::min(bytes, frames_.size());
    const auto offset = (frames_.size() - bytes % frames_.size()) % frames_.size();
    const auto size = std::min(part, frames_.size() - offset);
    const auto count =
        send(each.socket, frames_.data() + offset, size, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (count < 0 && errno == EAGAIN) break;
    if (count < 0) fail("the server closed a connection");
    bytes -= static_cast<std::size_t>(count);
  }
  each.unsent = bytes;
}

echo_result echo_load::run(double seconds) {
  for (auto& each : clients_) top_up(each);
  const double start = seconds_now(), start_cpu = cpu_seconds(server_);
  const auto start_echoed = echoed_;
  double now = start;
  while (now - start < seconds) {
    epoll_event events[64];
    const int count = epoll_wait(epoll_, events, 64, 5000);
    if (count == 0) fail("no echo for five seconds");
    for (int i = 0; i < count; ++i) {
      auto& each = *static_cast<echo_load::client*>(events[i].data.ptr);
      if (events[i].events & EPOLLIN) receive(each);
      top_up(each);
    }
    now = seconds_now();
  }
  echo_result result;
  result.echoed = echoed_ - start_echoed;
  result.cpu_us = (cpu_seconds(server_) - start_cpu) * 1e6 / static_cast<double>(result.echoed);
  result.rate = static_cast<double>(result.echoed) / (now - start);
  return result;
}
