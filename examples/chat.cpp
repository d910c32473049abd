// A chat: what one says in a room, everyone else in it hears.
#include <duplex/duplex.hpp>
#include <iostream>
using namespace duplex;

// The path is the room, the first message the name.
task<> chat(connection& ws) {
  const std::string room(ws.request().path());
  auto first = co_await ws.recv();
  const std::string name(first.text());
  ws.subscribe(room);
  ws.publish(room, name + " has joined");
  while (auto message = co_await ws.next()) {
    ws.publish(room, name + ": " + std::string(message->text()));
  }
  ws.publish(room, name + " has left");
}

task<> talk(std::uint16_t port) {
  const std::string room = "ws://127.0.0.1:" + std::to_string(port) + "/kitchen";
  auto ann = co_await connect(room);
  co_await ann.send("Ann");
  co_await ann.ping();  // answered: she is in the room
  {
    auto bob = co_await connect(room);
    co_await bob.send("Bob");
    co_await bob.send("Is there any cake?");
    co_await bob.close();
  }
  for (int i = 0; i < 3; ++i) {
    auto heard = co_await ann.recv();
    std::cout << heard.text() << std::endl;
  }
  co_await ann.close();
}

int main() {
  auto server = serve(chat, "127.0.0.1");
  run(talk(server.port()));
}
