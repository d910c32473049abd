// The protocol in a loop of one's own: bytes and time go in, messages and bytes come out.
#include <arpa/inet.h>
#include <poll.h>
#include <duplex/protocol/connection.hpp>
#include <duplex/protocol/handshake.hpp>
#include <iostream>
using namespace duplex;
using std::chrono::steady_clock;

int main() {
  const int tcp = ::socket(AF_INET, SOCK_STREAM, 0);
  const sockaddr_in at{AF_INET, htons(8765), {htonl(INADDR_LOOPBACK)}, {}};
  if (::connect(tcp, reinterpret_cast<const sockaddr*>(&at), sizeof at) < 0) return 1;
  std::byte space[4096];
  const auto receive = [&](auto& to, auto... now) {
    const auto count = ::recv(tcp, space, sizeof space, 0);
    count > 0 ? to.receive_data(std::span(space, std::size_t(count)), now...) : to.receive_eof();
  };
  protocol::client_handshake handshake(uri("ws://localhost:8765"), {});
  const auto request = handshake.data_to_send();
  ::send(tcp, request.data(), request.size(), MSG_NOSIGNAL);
  for (; !handshake.next_response(); receive(handshake))
    if (handshake.failure()) std::rethrow_exception(handshake.failure());
  protocol::connection core(protocol::side::client, {}, steady_clock::now());
  core.receive_data(handshake.rest(), steady_clock::now());
  core.send(message::type::text, as_bytes("Hello world!"));
  while (core.state() != protocol::state::closed && !core.wants_abort()) {
    const auto out = core.data_to_send()[0];
    const auto sent = ::send(tcp, out.data(), out.size(), MSG_NOSIGNAL);
    core.data_sent(std::size_t(std::max<ssize_t>(sent, 0)));
    pollfd event{tcp, POLLIN, 0};  // ten times a second: core.deadline() tells the time exactly
    if (::poll(&event, 1, 100) > 0) receive(core, steady_clock::now());
    core.advance(steady_clock::now());  // sends pings, notices a peer that is silent
    while (auto it = core.next_event()) {
      if (it->kind != protocol::event::type::message) continue;
      std::cout << "Received: " << it->payload.text() << '\n';
      core.send_close(1000, "", steady_clock::now());
    }
  }
}
