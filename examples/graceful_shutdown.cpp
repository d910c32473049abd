// Stopping without losing anything: SIGTERM lets every handler finish what it has begun.
#include <csignal>
#include <duplex/duplex.hpp>
#include <iostream>
using namespace duplex;
using namespace std::chrono_literals;

// What is received is kept, and saved when the connection ends: by the client, or by the server
// that closes with 1001.
task<> collect(connection& ws) {
  std::vector<message> kept;
  while (auto message = co_await ws.next()) kept.push_back(std::move(*message));
  co_await sleep_for(50ms);  // a slow disk: run waits for handlers, at most twice close_timeout
  std::cout << "saved " << kept.size() << " messages" << std::endl;
}

task<> leave_two_messages(std::uint16_t port) {
  auto ws = co_await connect("ws://127.0.0.1:" + std::to_string(port));
  co_await ws.send("one");
  co_await ws.send("two");
  co_await ws.ping();   // answered: both have arrived
  std::raise(SIGTERM);  // as a service manager does
  co_await ws.wait_closed();
  std::cout << "closed with " << *ws.close_code() << std::endl;
}

int main() {
  auto server = serve(collect, "127.0.0.1", 0, {.close_timeout = 5s});
  scope clients;
  clients.spawn(leave_two_messages(server.port()));
  run(std::move(server));  // returns once every handler has
}
