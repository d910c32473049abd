// One message to everyone: framed once, and a client that is slow gets the latest only.
#include <duplex/duplex.hpp>
#include <iostream>
using namespace duplex;
using namespace std::chrono_literals;

task<> stay(connection& ws) { co_await ws.wait_closed(); }

task<> tick(server& server) {
  while (server.connections().size() < 2) co_await sleep_for(1ms);
  for (int i = 1; i <= 3; ++i) {
    server.broadcast("tick " + std::to_string(i), {.slow = slow_consumer::latest_only});
    co_await sleep_for(20ms);
  }
  server.close();
}

task<> listen(std::string name, std::uint16_t port) {
  auto ws = co_await connect("ws://127.0.0.1:" + std::to_string(port));
  while (auto message = co_await ws.next()) {
    std::cout << name << " hears " << message->text() << std::endl;
  }
}

int main() {
  auto server = serve(stay, "127.0.0.1");
  scope tasks;
  tasks.spawn(listen("one", server.port()));
  tasks.spawn(listen("two", server.port()));
  tasks.spawn(tick(server));
  run(tasks.join());
}
