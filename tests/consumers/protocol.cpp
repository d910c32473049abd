// A user's program with an event loop of its own: both sides of the protocol, and no input or
// output.
#include <chrono>
#include <iostream>

#include <duplex/protocol/connection.hpp>

using namespace duplex;

int main() {
  const auto now = std::chrono::steady_clock::now();
  protocol::connection client(protocol::side::client, {}, now);
  protocol::connection server(protocol::side::server, {}, now);
  client.send(message::type::text, as_bytes("Hello world!"));
  const auto bytes = client.take_data_to_send();
  server.receive_data(bytes.bytes(), now);
  const auto event = server.next_event();
  if (!event || event->payload.text() != "Hello world!") return 1;
  std::cout << "Received: " << event->payload.text() << '\n';
}
