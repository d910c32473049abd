// A user's program: an echo server, and a client that talks to it.
#include <iostream>
#include <string>

#include <duplex/duplex.hpp>

using namespace duplex;

task<> echo(connection& ws) {
  while (auto message = co_await ws.next()) co_await ws.send(*message);
}

task<std::string> hello() {
  auto server = serve(echo, "localhost");
  auto client = [port = server.port()] {
    auto ws = sync::connect("ws://localhost:" + std::to_string(port));
    ws.send("Hello world!");
    return std::string(ws.recv().text());
  };
  auto reply = co_await run_blocking(client);
  server.close();
  co_await server.wait_closed();
  co_return reply;
}

int main() {
  auto reply = run(hello());
  std::cout << "Received: " << reply << '\n';
  return reply == "Hello world!" ? 0 : 1;
}
