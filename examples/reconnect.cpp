// A client that comes back whenever its connection ends, to a server that ends it after each line.
#include <duplex/duplex.hpp>
#include <iostream>
using namespace duplex;
using namespace std::chrono_literals;

task<> publish(connection& ws) {
  static int count = 0;
  co_await ws.send("news " + std::to_string(++count));
}  // closes the connection

task<> read_news(server& from) {
  // With the defaults the waits after failures grow from a few seconds to 90.
  reconnecting feed("ws://127.0.0.1:" + std::to_string(from.port()), {},
                    {.initial_delay = 100ms, .min_delay = 100ms, .max_delay = 5s});
  for (int connections = 0; connections < 3; ++connections) {
    auto ws = co_await feed.next();  // however long it takes
    try {
      while (auto message = co_await ws.next()) std::cout << message->text() << '\n';
    } catch (const connection_closed&) {
      std::cout << "lost\n";
    }
  }
  from.close();
}

int main() {
  auto from = serve(publish, "127.0.0.1", 0);
  run(read_news(from));
}
