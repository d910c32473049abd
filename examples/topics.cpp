// Topics: a client hears of what it has subscribed to, whoever publishes it.
#include <duplex/duplex.hpp>
#include <iostream>
#include <thread>
using namespace duplex;
using namespace std::chrono_literals;

// Each message names a topic to subscribe to; the answer says that it is done.
task<> subscribe(connection& ws) {
  while (auto topic = co_await ws.next()) {
    ws.subscribe(topic->text());
    co_await ws.send("subscribed to " + std::string(topic->text()));
  }
}

task<> follow(std::string topic, std::uint16_t port, const publisher& news) {
  auto ws = co_await connect("ws://127.0.0.1:" + std::to_string(port));
  co_await ws.send(topic);
  auto answer = co_await ws.recv();
  std::cout << answer.text() << std::endl;
  // From any thread, to connections of all threads.
  std::jthread([&] { news.publish(topic, topic + " is sunny"); });
  auto message = co_await ws.recv(10s);
  std::cout << message.text() << std::endl;
  co_await ws.close();
}

task<> read_news(server& server) {
  const auto news = server.publisher();
  co_await follow("weather/rome", server.port(), news);
  co_await follow("weather/oslo", server.port(), news);
}

int main() {
  auto server = serve(subscribe, "127.0.0.1", 0, {.threads = 2});
  run(read_news(server));
}
