#include "deflate_load.hpp"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string>
#include <vector>

#include <duplex/protocol/connection.hpp>
#include <duplex/protocol/handshake.hpp>
#include <duplex/protocol/permessage_deflate.hpp>

#include "json_messages.hpp"
#include "server_process.hpp"

namespace {

using namespace duplex;
using clock_type = std::chrono::steady_clock;

[[noreturn]] void fail(const std::string& what) {
  std::fprintf(stderr, "bench_deflate: %s\n", what.c_str());
  std::exit(1);
}

int connected_socket(std::uint16_t port) {
  const int socket = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in at = {};
  at.sin_family = AF_INET;
  at.sin_port = htons(port);
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(socket, reinterpret_cast<sockaddr*>(&at), sizeof(at)) != 0) fail("cannot connect");
  const int on = 1;
  setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  return socket;
}

}  // namespace

// One connection. Echoes come in the order of the messages, which are the same for everybody.
class deflate_load::client {
 public:
  client(std::uint16_t port, const std::vector<std::string>& messages)
      : socket_(connected_socket(port)), messages_(&messages) {
    open(port);
  }
  ~client() { close(socket_); }
  client(const client&) = delete;
  client& operator=(const client&) = delete;

  int socket() const { return socket_; }
  std::size_t bytes_received() const { return bytes_received_; }
  bool wants_to_write() const { return core_->buffered_amount() != 0; }

  void top_up(int in_flight) {
    while (sent_ - echoed_ < static_cast<std::size_t>(in_flight)) {
      core_->send(message::type::text, as_bytes((*messages_)[sent_++ % messages_->size()]));
    }
    write();
  }

  std::size_t receive() {  // how many echoes came
    const auto count = recv(socket_, input_.data(), input_.size(), MSG_DONTWAIT);
    if (count < 0 && errno == EAGAIN) return 0;
    if (count <= 0) fail("the server closed a connection");
    bytes_received_ += static_cast<std::size_t>(count);
    const auto before = echoed_;
    core_->receive_data(std::span(input_).first(static_cast<std::size_t>(count)),
                        clock_type::now());
    while (const auto event = core_->next_event()) {
      if (event->kind == protocol::event::type::close) fail("the server closed a connection");
      if (event->kind != protocol::event::type::message) continue;
      if (event->payload.text() != (*messages_)[echoed_++ % messages_->size()]) {
        fail("an echo is wrong");
      }
    }
    return echoed_ - before;
  }

 private:
  void open(std::uint16_t port) try {
    // Level 1: the load's own CPU is not measured, and must not be what slows it.
    const auto deflate = std::make_shared<protocol::permessage_deflate>();
    protocol::client_handshake handshake(uri("ws://localhost:" + std::to_string(port) + "/"),
                                         {.extensions = {deflate}});
    const auto request = handshake.data_to_send();
    if (::write(socket_, request.data(), request.size()) < 0) fail("cannot write");
    while (!handshake.next_response()) {
      const auto count = recv(socket_, input_.data(), input_.size(), 0);
      if (count <= 0) fail("the server closed during the handshake");
      handshake.receive_data(std::span(input_).first(static_cast<std::size_t>(count)));
      if (handshake.failure()) std::rethrow_exception(handshake.failure());
    }
    auto extensions = handshake.take_extensions();
    if (extensions.empty()) fail("the server does not compress");
    core_.emplace(protocol::side::client,
                  protocol::connection_settings{.ping_interval = std::nullopt}, clock_type::now());
    core_->set_extensions(std::move(extensions));
  } catch (const std::exception& error) {
    fail(error.what());
  }

  void write() {
    for (;;) {
      const auto bytes = core_->data_to_send();
      if (bytes[0].empty() && bytes[1].empty()) return;
      const auto& part = bytes[0].empty() ? bytes[1] : bytes[0];
      const auto count = send(socket_, part.data(), part.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
      if (count < 0 && errno == EAGAIN) return;
      if (count < 0) fail("the server closed a connection");
      core_->data_sent(static_cast<std::size_t>(count));
    }
  }

  int socket_;
  const std::vector<std::string>* messages_;
  std::optional<protocol::connection> core_;
  std::size_t sent_ = 0, echoed_ = 0, bytes_received_ = 0;
  std::array<std::byte, 64 * 1024> input_;
};

struct deflate_load::state {
  pid_t server;
  int in_flight;
  std::vector<std::string> messages = json_messages(1000);
  std::vector<std::unique_ptr<client>> clients = {};
};

deflate_load::deflate_load(std::uint16_t port, pid_t server, int connections, int in_flight)
    : state_(new state{server, in_flight}) {
  for (int i = 0; i < connections; ++i) {
    state_->clients.push_back(std::make_unique<client>(port, state_->messages));
  }
}

deflate_load::~deflate_load() = default;

deflate_result deflate_load::run(double seconds) {
  std::vector<pollfd> sockets(state_->clients.size());
  const auto received = [&] {
    std::size_t bytes = 0;
    for (const auto& each : state_->clients) bytes += each->bytes_received();
    return bytes;
  };
  const auto end = clock_type::now() + std::chrono::duration<double>(seconds);
  const auto bytes_before = received();
  const double cpu_before = cpu_seconds(state_->server);
  deflate_result result;
  while (clock_type::now() < end) {
    for (std::size_t i = 0; i < sockets.size(); ++i) {
      auto& each = *state_->clients[i];
      each.top_up(state_->in_flight);
      sockets[i] = {each.socket(),
                    static_cast<short>(POLLIN | (each.wants_to_write() ? POLLOUT : 0)), 0};
    }
    if (poll(sockets.data(), sockets.size(), 5000) == 0) fail("no echo for five seconds");
    for (std::size_t i = 0; i < sockets.size(); ++i) {
      if (sockets[i].revents & ~POLLOUT) result.echoed += state_->clients[i]->receive();
    }
  }
  const auto messages = static_cast<double>(result.echoed);
  result.cpu_us = (cpu_seconds(state_->server) - cpu_before) * 1e6 / messages;
  result.bytes = static_cast<double>(received() - bytes_before) / messages;
  return result;
}
