// One port for WebSockets and for whoever asks by plain HTTP how the server is.
#include <duplex/duplex.hpp>
#include <iostream>

#include "arguments.hpp"
using namespace duplex;

task<> echo(connection& ws) {
  while (auto message = co_await ws.next()) co_await ws.send(*message);
}

std::optional<response> health_check(handshake&, const request& request) {
  if (request.path() == "/healthz") return respond(200, "OK\n");
  return std::nullopt;  // go on with the handshake
}

int main(int argc, char** argv) {
  const int port = port_argument(argc, argv, 1, "health_check [PORT]");
  auto server = serve(echo, "localhost", port, {.process_request = health_check});
  std::cout << "listening on http://localhost:" << server.port() << "/healthz" << std::endl;
  run(std::move(server));
}
