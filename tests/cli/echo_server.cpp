// Echoes on a free port of 127.0.0.1, which it prints, until SIGTERM.
#include <cstdio>

#include <duplex/duplex.hpp>

int main() {
  using namespace duplex;
  auto server = serve(
      [](connection& ws) -> task<> {
        while (auto message = co_await ws.next()) co_await ws.send(*message);
      },
      "127.0.0.1", 0);
  std::printf("listening %d\n", server.port());
  std::fflush(stdout);
  run(std::move(server));
}
