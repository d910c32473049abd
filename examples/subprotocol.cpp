// Subprotocols: the two sides agree on what their messages mean (RFC 6455 section 1.9).
#include <duplex/duplex.hpp>
#include <iostream>
using namespace duplex;

task<> serve_time(connection& ws) {  // the server's order decides among what a client offers
  if (ws.subprotocol() == "time.json") {
    co_await ws.send(R"({"hour": 12, "minute": 30})");
  } else {
    co_await ws.send("12:30");
  }
}

task<> ask(std::string uri) {
  auto modern = co_await connect(uri, {.subprotocols = {"time.text", "time.json"}});
  auto json = co_await modern.recv();
  std::cout << *modern.subprotocol() << ": " << json.text() << '\n';

  auto simple = co_await connect(uri, {.subprotocols = {"time.text"}});
  auto text = co_await simple.recv();
  std::cout << *simple.subprotocol() << ": " << text.text() << '\n';

  try {
    auto refused = co_await connect(uri, {.subprotocols = {"time.xml"}});
  } catch (const invalid_status& refusal) {
    std::cout << refusal.response().body;
  }
}

int main() {
  auto server = serve(serve_time, "127.0.0.1", 0, {.subprotocols = {"time.json", "time.text"}});
  run(ask("ws://127.0.0.1:" + std::to_string(server.port())));
}
