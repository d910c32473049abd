// Receiving and sending at once: a handler that consumes what comes and produces of its own accord.
#include <duplex/duplex.hpp>
#include <iostream>
using namespace duplex;
using namespace std::chrono_literals;

task<> consume(connection& ws) {
  while (auto message = co_await ws.next()) {
    std::cout << "server received " << message->text() << std::endl;
  }
}

task<> produce(connection& ws) {
  for (int i = 1; i <= 3; ++i) {
    co_await ws.send("reading " + std::to_string(i));
    co_await sleep_for(5ms);
  }
}

// Both run at once; the connection is closed when both are done.
task<> handle(connection& ws) {
  scope tasks;
  tasks.spawn(consume(ws));
  tasks.spawn(produce(ws));
  co_await tasks.join();
}

task<> acknowledge(std::uint16_t port) {
  auto ws = co_await connect("ws://127.0.0.1:" + std::to_string(port));
  for (int i = 1; i <= 3; ++i) {
    auto message = co_await ws.recv();
    co_await ws.send("ok for " + std::string(message.text()));
  }
  co_await ws.close();
}

int main() {
  auto server = serve(handle, "127.0.0.1");
  run(acknowledge(server.port()));
}
