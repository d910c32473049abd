// A small web site and the WebSocket of its pages on one port: static_site [DIRECTORY [PORT]].
#include <duplex/duplex.hpp>
#include <iostream>

#include "arguments.hpp"
using namespace duplex;

task<> echo(connection& ws) {
  while (auto message = co_await ws.next()) co_await ws.send(*message);
}

int main(int argc, char** argv) {
  const int port = port_argument(argc, argv, 2, "static_site [DIRECTORY [PORT]]");
  auto server = serve(echo, "localhost", port,
                      {.origins = {same_origin, no_origin},  // only those pages, and no browsers
                       .process_request = static_files(argc > 1 ? argv[1] : ".")});
  std::cout << "listening on http://localhost:" << server.port() << std::endl;
  run(std::move(server));
}
