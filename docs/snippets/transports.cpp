// The code of docs/transports.md and docs/behind-a-proxy.md.
#include <sys/socket.h>

#include <duplex/duplex.hpp>
using namespace duplex;

task<> handler(connection& ws) { co_await ws.send("hello"); }

void listen() {
  // [unix_serve]
  auto server = unix_serve(handler, "/run/app.sock", {.unix_permissions = 0660});
  // [unix_serve]
  // [hosts]
  auto dual = serve(handler, {"127.0.0.1", "::1", "unix:/run/app.sock"}, 8765);
  // [hosts]
}

// [unix_connect]
task<> talk() {
  auto ws = co_await unix_connect("/run/app.sock", "ws://app.example/chat");
  co_await ws.send("hello");
}

void talk_blocking() {
  auto ws = sync::unix_connect("/run/app.sock");
  ws.send("hello");
}
// [unix_connect]

// [systemd]
int main() { run(serve(handler, "localhost", 8765, {.sock = systemd_sockets()})); }
// [systemd]

// [socketpair]
task<> talk_to_child(int descriptor) {
  auto ws = co_await connect("ws://child/", {.sock = descriptor});
  co_await ws.send("hello");
}
// [socketpair]

// [local_addr]
task<> from_the_second_interface() {
  auto ws = co_await connect("ws://app.example/", {.local_addr = "192.0.2.7"});
  co_await ws.send("hello");
}
// [local_addr]

void behind_a_proxy() {
  // [proxy_protocol]
  run(serve(handler, "127.0.0.1", 8765,
            {.proxy_protocol = true, .trusted_proxies = {"127.0.0.1", "10.0.0.0/8"}}));
  // [proxy_protocol]
}
