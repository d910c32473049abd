// Who may come in: a name and its password, or 401.
#include <duplex/duplex.hpp>
#include <iostream>

#include "arguments.hpp"
using namespace duplex;

task<> greet(connection& ws) { co_await ws.send("hello " + *ws.username()); }

int main(int argc, char** argv) {
  const int port = port_argument(argc, argv, 1, "auth [PORT]");
  auto server = serve(greet, "localhost", port,
                      {.process_request = basic_auth("the lab", {{"ada", "secret"}})});
  std::cout << "listening on ws://ada:secret@localhost:" << server.port() << std::endl;
  run(std::move(server));
}
