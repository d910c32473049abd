// Says hello to an echo server and prints what comes back.
#include <duplex/duplex.hpp>
#include <iostream>

int main() {
  auto ws = duplex::sync::connect("ws://localhost:8765");
  ws.send("Hello world!");
  std::cout << "Received: " << ws.recv().text() << '\n';
}
