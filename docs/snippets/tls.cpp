// The code of docs/tls.md.
#include <duplex/duplex.hpp>
#include <iostream>
using namespace duplex;
using namespace std::chrono_literals;

std::string password_of(std::string_view key_file);

task<> handle(connection& ws) {
  while (auto message = co_await ws.next()) co_await ws.send(*message);
}

void listen() {
  // [server]
  run(serve(handle, "", 443, {.tls = tls_server::pem("chain.pem", "key.pem")}));
  // [server]
}

void listen_with_more() {
  // [server_options]
  auto tls = tls_server::pem("chain.pem", "key.pem",
                             {.password = password_of,
                              .more_certificates = {{.certificate_file = "shop/chain.pem",
                                                     .key_file = "shop/key.pem"}},
                              .minimum_version = tls_version::tls_1_3});
  // [server_options]
  // [reload]
  tls.reload();  // throws where a file is wrong, and then nothing has changed
  // [reload]
}

// [mtls]
task<> greet(connection& ws) {
  const tls_info* agreed = ws.tls();
  co_await ws.send("hello, " + agreed->peer->common_name);
}

server listen_for_known_clients() {
  return serve(greet, "", 8443,
               {.tls = tls_server::pem("chain.pem", "key.pem",
                                       {.client = client_certificate::required,
                                        .client_ca_file = "clients.pem"})});
}
// [mtls]

// [by_certificate]
std::optional<response> only_alice(handshake& peer, const request&) {
  const auto& client = peer.tls->peer;
  if (!client || client->common_name != "alice") return respond(403, "not for you\n");
  peer.username = client->common_name;
  return std::nullopt;
}
// [by_certificate]

// [client]
task<> talk() {
  auto ws = co_await connect("wss://example.com/feed");
  co_await ws.send("hello");
}
// [client]

// [client_options]
task<> talk_at_home() {
  auto ws = co_await connect("wss://printer.local:8443",
                             {.tls = {.ca_file = "our-ca.pem",
                                      .certificate_file = "me.pem",
                                      .key_file = "me.key",
                                      .password = "open sesame"}});
  std::cout << "talking to " << ws.tls()->peer->subject << '\n';
}
// [client_options]

// [errors]
task<> talk_carefully() {
  try {
    auto ws = co_await connect("wss://example.com/feed");
    co_await ws.send("hello");
  } catch (const tls_error& problem) {  // an invalid_handshake
    std::cerr << problem.what() << '\n';
  } catch (const std::system_error& problem) {
    std::cerr << problem.what() << '\n';
  }
}
// [errors]

std::string password_of(std::string_view) { return "open sesame"; }

int main() {}
