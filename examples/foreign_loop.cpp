// The protocol in an event loop of one's own, here poll: bytes and time go in, messages and bytes
// come out.
#include <arpa/inet.h>
#include <poll.h>
#include <unistd.h>

#include <duplex/protocol/connection.hpp>
#include <duplex/protocol/handshake.hpp>
#include <iostream>
using namespace duplex;
using std::chrono::steady_clock, std::chrono::milliseconds;

int main() {
  const int tcp = ::socket(AF_INET, SOCK_STREAM, 0);
  const sockaddr_in at{AF_INET, htons(8765), {htonl(INADDR_LOOPBACK)}, {}};
  if (::connect(tcp, reinterpret_cast<const sockaddr*>(&at), sizeof at) < 0) return 1;
  protocol::client_handshake handshake(uri("ws://localhost:8765"), {});
  const auto request = handshake.data_to_send();  // fits into the buffer of a new socket
  if (::write(tcp, request.data(), request.size()) < 0) return 1;
  protocol::connection core(protocol::side::client, {}, steady_clock::now());
  for (bool open = false; core.state() != protocol::state::closed && !core.wants_abort();) {
    const auto until = core.deadline().value_or(steady_clock::now() + std::chrono::minutes(1));
    const auto left = std::chrono::ceil<milliseconds>(until - steady_clock::now());
    pollfd event{tcp, POLLIN, 0};
    if (core.buffered_amount() != 0) event.events |= POLLOUT;
    ::poll(&event, 1, static_cast<int>(std::max(left, milliseconds(0)).count()));
    core.advance(steady_clock::now());  // sends pings, notices a peer that is silent
    if ((event.revents & POLLOUT) != 0) {
      const auto bytes = core.data_to_send()[0];
      core.data_sent(
          static_cast<std::size_t>(std::max(::write(tcp, bytes.data(), bytes.size()), ssize_t{0})));
    }
    if ((event.revents & (POLLIN | POLLHUP)) == 0) continue;
    std::byte space[4096];
    const auto count = ::read(tcp, space, sizeof space);
    const std::span bytes(space, static_cast<std::size_t>(std::max(count, ssize_t{0})));
    if (!open) {
      count > 0 ? handshake.receive_data(bytes) : handshake.receive_eof();
      if (handshake.failure()) std::rethrow_exception(handshake.failure());
      if (!handshake.next_response()) continue;
      open = true;
      core.receive_data(handshake.rest(), steady_clock::now());
      core.send(message::type::text, as_bytes("Hello world!"));
    } else {
      count > 0 ? core.receive_data(bytes, steady_clock::now()) : core.receive_eof();
    }
    while (auto it = core.next_event()) {
      if (it->kind != protocol::event::type::message) continue;
      std::cout << "Received: " << it->payload.text() << '\n';
      core.send_close(1000, "", steady_clock::now());
    }
  }
}
