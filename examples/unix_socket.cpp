// A server and a client on a unix socket, which only this user may open.
#include <duplex/duplex.hpp>
#include <iostream>
#include <string>

using namespace duplex;

task<> echo(connection& ws) {
  while (auto message = co_await ws.next()) co_await ws.send(*message);
}

task<std::string> ask(std::string path) {
  auto ws = co_await unix_connect(path);
  co_await ws.send("Hello world!");
  auto reply = co_await ws.recv();
  co_return std::string(reply.text());
}

int main() {
  const std::string path = "hello.sock";
  const auto server = unix_serve(echo, path, {.unix_permissions = 0600});
  std::cout << "Through " << to_string(server.sockets().front()) << ": " << run(ask(path)) << '\n';
}
