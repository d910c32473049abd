// A path for each purpose: an echo, a room with its name in the path, and a web page.
#include <duplex/duplex.hpp>
#include <iostream>

#include "arguments.hpp"
using namespace duplex;

task<> echo(connection& ws) {
  while (auto message = co_await ws.next()) co_await ws.send(*message);
}

task<> welcome(connection& ws) { co_await ws.send("welcome to " + ws.parameters().at("room")); }

response page(handshake&, const request&) {
  return respond(200, "<h1>Rooms</h1>\n", "text/html; charset=utf-8");
}

int main(int argc, char** argv) {
  const int port = port_argument(argc, argv, 1, "routing [PORT]");
  auto server =
      serve(route({{"/", page}, {"/echo", echo}, {"/rooms/{room}", welcome}}), "localhost", port);
  std::cout << "listening on http://localhost:" << server.port() << std::endl;
  run(std::move(server));
}
