// The server that is measured: an echo, on so many threads as its argument says. Prints its port;
// ends with its parent.
#include <sys/prctl.h>

#include <csignal>
#include <cstdlib>
#include <iostream>

#include <duplex/duplex.hpp>
using namespace duplex;

int main(int argc, char** argv) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  auto echo = serve(
      [](connection& ws) -> task<> {
        while (auto message = co_await ws.next()) co_await ws.send(*message);
      },
      "127.0.0.1", 0, {.max_size = 64 << 20, .threads = argc > 1 ? std::atoi(argv[1]) : 1});
  std::cout << echo.port() << std::endl;
  run(std::move(echo));
}
