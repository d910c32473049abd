// The server that is measured: an echo. Prints its port; ends with its parent.
#include <sys/prctl.h>

#include <csignal>
#include <iostream>

#include <duplex/duplex.hpp>
using namespace duplex;

int main() {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  auto echo = serve(
      [](connection& ws) -> task<> {
        while (auto message = co_await ws.next()) co_await ws.send(*message);
      },
      "127.0.0.1", 0, {.max_size = 64 << 20});
  std::cout << echo.port() << std::endl;
  run(std::move(echo));
}
