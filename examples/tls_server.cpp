// An echo server for wss: tls_server CHAIN KEY. SIGHUP has it read both files again.
#include <csignal>
#include <duplex/duplex.hpp>
#include <duplex/io/signals.hpp>
#include <iostream>

#include "arguments.hpp"
using namespace duplex;

int main(int argc, char** argv) {
  if (argc != 3) show_usage("tls_server CHAIN KEY");
  try {
    auto tls = tls_server::pem(argv[1], argv[2]);
    io::signal_set renewed({SIGHUP}, [&](int) {
      try {
        tls.reload();  // for who connects from now on
      } catch (const std::exception& problem) {
        std::cerr << problem.what() << '\n';  // and the old certificate stays
      }
    });
    run(serve(
        [](connection& ws) -> task<> {
          while (auto message = co_await ws.next()) co_await ws.send(*message);
        },
        "localhost", 8765, {.tls = tls}));
  } catch (const std::exception& problem) {
    std::cerr << problem.what() << '\n';
    return 1;
  }
}
