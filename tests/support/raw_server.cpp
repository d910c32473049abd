// Blocking sockets with a limit on every wait.
#include "support/raw_server.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <stdexcept>
#include <system_error>

#include <gtest/gtest.h>
#include <duplex/protocol/handshake.hpp>

namespace duplex::test {
namespace {

void wait_for(int socket, short events, const char* doing) {
  pollfd event{.fd = socket, .events = events, .revents = 0};
  const auto milliseconds = std::chrono::milliseconds(patience).count();
  if (poll(&event, 1, static_cast<int>(milliseconds)) == 0) {
    throw std::runtime_error(std::string("the client kept the server waiting while ") + doing);
  }
}

[[noreturn]] void throw_errno(const char* doing) {
  throw std::system_error(errno, std::generic_category(), doing);
}

}  // namespace

// --- bytes

void raw_peer::write(std::string_view bytes) {
  while (!bytes.empty()) {
    wait_for(socket_, POLLOUT, "writing");
    const auto count = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (count < 0 && errno == EAGAIN) continue;
    if (count < 0) throw_errno("writing to the client");
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
}

std::string raw_peer::read_some() {
  wait_for(socket_, POLLIN, "reading");
  std::string bytes(65536, '\0');
  const auto count = ::recv(socket_, bytes.data(), bytes.size(), 0);
  if (count < 0 && errno != ECONNRESET) throw_errno("reading from the client");
  bytes.resize(count > 0 ? static_cast<std::size_t>(count) : 0);
  return bytes;
}

std::string raw_peer::read_until(std::string_view mark) {
  std::string bytes;
  while (bytes.find(mark) == std::string::npos) {
    const auto more = read_some();
    if (more.empty()) throw std::runtime_error("the client left before it sent what was expected");
    bytes += more;
  }
  return bytes;
}

void raw_peer::half_close() { ::shutdown(socket_, SHUT_WR); }

void raw_peer::reset() {
  const linger value = {.l_onoff = 1, .l_linger = 0};
  setsockopt(socket_, SOL_SOCKET, SO_LINGER, &value, sizeof value);
  close();
}

void raw_peer::close() {
  if (socket_ >= 0) ::close(std::exchange(socket_, -1));
}

// --- frames

void raw_peer::accept_handshake(std::optional<std::string_view> subprotocol,
                                protocol::connection_settings settings) {
  protocol::server_handshake handshake;
  std::optional<duplex::request> request;
  while (!request) {
    const auto bytes = read_some();
    if (bytes.empty()) throw std::runtime_error("the client left in the handshake");
    handshake.receive_data(as_bytes(bytes));
    if (handshake.refusal()) throw std::runtime_error("bad request: " + handshake.refusal()->body);
    request = handshake.next_request();
  }
  request_ = std::move(*request);
  write(protocol::write_response(protocol::server_handshake::accept(request_, subprotocol)));
  const auto now = std::chrono::steady_clock::now();
  core_.emplace(protocol::side::server, settings, now);
  core_->receive_data(handshake.rest(), now);
  core_->hold_input();
}

void raw_peer::flush() {
  while (core_->buffered_amount() != 0) {
    const auto piece = core_->data_to_send()[0];
    wait_for(socket_, POLLOUT, "writing");
    const auto count = ::send(socket_, piece.data(), piece.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (count < 0 && errno == EAGAIN) continue;
    core_->data_sent(count < 0 ? piece.size() : static_cast<std::size_t>(count));
  }
  if (core_->wants_shutdown()) half_close();
}

void raw_peer::send(std::string_view text) {
  core_->send(message::type::text, as_bytes(text));
  flush();
}

void raw_peer::send(std::span<const std::byte> bytes) {
  core_->send(message::type::binary, bytes);
  flush();
}

std::optional<protocol::event> raw_peer::next_event() {
  for (;;) {
    auto event = core_->next_event();
    flush();
    if (event) return event;
    if (core_->state() == protocol::state::closed) return std::nullopt;
    input_ = read_some();
    if (input_.empty()) {
      core_->receive_eof();
    } else {
      core_->receive_data(as_bytes(input_), std::chrono::steady_clock::now());
    }
  }
}

std::optional<message> raw_peer::receive() {
  while (auto event = next_event()) {
    if (event->kind == protocol::event::type::message) return std::move(event->payload);
  }
  return std::nullopt;
}

void raw_peer::echo() {
  while (const auto message = receive()) {
    if (core_->state() != protocol::state::open) continue;
    core_->send(message->is_text() ? message::type::text : message::type::binary, message->bytes());
    flush();
  }
}

void raw_peer::finish(std::uint16_t code, std::string_view reason) {
  core_->send_close(code, reason, std::chrono::steady_clock::now());
  flush();
  while (next_event()) continue;
}

// --- the server

raw_server::raw_server(script each)
    : script_(std::move(each)), listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in name = {};
  name.sin_family = AF_INET;
  name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof name;
  auto* const generic = reinterpret_cast<sockaddr*>(&name);
  if (listener_ < 0 || bind(listener_, generic, size) != 0 || listen(listener_, 16) != 0 ||
      getsockname(listener_, generic, &size) != 0) {
    throw_errno("listening");
  }
  port_ = ntohs(name.sin_port);
  thread_ = std::thread([this] { run(); });
}

raw_server::~raw_server() {
  stop();
  ::close(listener_);
}

void raw_server::stop() {
  stopping_ = true;
  ::shutdown(listener_, SHUT_RDWR);  // ends the accept that waits
  if (thread_.joinable()) thread_.join();
}

std::string raw_server::uri(std::string_view target) const {
  return "ws://127.0.0.1:" + std::to_string(port_) + std::string(target);
}

void raw_server::run() {
  while (!stopping_) {
    // Not accept4, which a test replaces: ThreadSanitizer is to see that the number is a new one.
    const int socket = ::accept(listener_, nullptr, nullptr);
    if (socket < 0) return;
    fcntl(socket, F_SETFD, FD_CLOEXEC);
    const int on = 1;
    setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    raw_peer peer(socket);
    try {
      script_(peer);
    } catch (const std::exception& problem) {
      ADD_FAILURE() << problem.what();
    }
  }
}

}  // namespace duplex::test
