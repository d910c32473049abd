// Says hello in a coroutine, with options, and gives up waiting after a time.
#include <duplex/duplex.hpp>
#include <iostream>
using namespace duplex;
using namespace std::chrono_literals;

task<> hello() {
  auto ws = co_await connect("ws://localhost:8765", {.ping_interval = 5s, .max_size = 65536});
  co_await ws.send("Hello world!");
  auto reply = co_await ws.recv(500ms);  // throws duplex::timeout, and the connection lives on
  std::cout << "Received: " << reply.text() << '\n';
  co_await ws.close();
}

int main() { run(hello()); }
