// Sends every message back. Stop it with Ctrl-C.
#include <duplex/duplex.hpp>
using namespace duplex;

int main() {
  run(serve(
      [](connection& ws) -> task<> {
        while (auto message = co_await ws.next()) co_await ws.send(*message);
      },
      "localhost", 8765));
}
