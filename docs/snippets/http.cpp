// The code of docs/http.md.
#include <duplex/duplex.hpp>
#include <iostream>
using namespace duplex;
using namespace std::chrono_literals;

task<> handle(connection& ws) { co_await ws.wait_closed(); }
task<bool> look_up(std::string_view, std::string_view) { co_return true; }

// [origins]
server only_our_pages() {
  return serve(
      handle, "", 8765,
      {.origins = {"https://example.com", origin_matching("https://[a-z]+\\.example\\.org"),
                   same_origin, no_origin}});
}
// [origins]

// [steps]
std::optional<response> health_check(handshake&, const request& request) {
  if (request.path() == "/healthz") return respond(200, "OK\n");
  return std::nullopt;
}

task<std::optional<response>> greet_slowly(handshake& peer, const request&) {
  co_await sleep_for(10ms);  // or ask a database; bounded by open_timeout
  peer.username = "guest";
  co_return std::nullopt;
}

server several_steps() {
  return serve(handle, "", 8765, {.process_request = {health_check, greet_slowly}});
}
// [steps]

// [auth]
server with_passwords() {
  return serve(handle, "", 8765,
               {.process_request = {health_check, basic_auth("the lab", {{"ada", "secret"}})}});
}

server with_accounts() {
  return serve(handle, "", 8765, {.process_request = basic_auth("the lab", look_up)});
}
// [auth]

// [routes]
task<> chat(connection& ws) { co_await ws.send("this is " + ws.parameters().at("room")); }

server with_routes() {
  return serve(route({{"/chat/{room}", chat}, {"/healthz", health_check}}), "", 8765);
}
// [routes]

// [state]
struct visitor {
  std::string language;
  int messages = 0;
};

task<> count(connection& ws) {
  while (auto message = co_await ws.next()) ++ws.data<visitor>().messages;
}

server with_state() {
  return serve(count, "", 8765, {.create_connection = [](const handshake& peer) {
                 const auto& headers = peer.request.headers;
                 return visitor{std::string(headers.get("Accept-Language").value_or("en"))};
               }});
}
// [state]

// [responses]
server with_cookies() {
  return serve(handle, "", 8765,
               {.process_response = [](handshake& peer, const request&, const response& answer) {
                 auto changed = answer;
                 changed.headers.add("Set-Cookie", "seen-by=" + peer.local_address.host);
                 return changed;
               }});
}
// [responses]

// [subprotocols]
server with_versions() {
  return serve(handle, "", 8765,
               {.select_subprotocol = [](const handshake&, std::span<const std::string> offered)
                    -> std::optional<std::string> {
                 for (const auto& each : offered) {
                   if (each.starts_with("chat.v")) return each;
                 }
                 throw negotiation_error("one of chat.v1, chat.v2 ... is needed");
               }});
}
// [subprotocols]

// [limits]
server with_limits() {
  return serve(
      handle, "", 8765,
      {.max_connections = 10'000, .max_connections_per_address = 50, .max_accept_rate = 500});
}
// [limits]

// [start]
task<> open_late() {
  auto server = serve(handle, "", 8765, {.start_serving = false});
  co_await sleep_for(1s);  // the port is ours; what is needed is made ready
  server.start_serving();
  co_await server.serve_forever();
}
// [start]

// [drain]
task<> drain(server& server) {
  server.close(false);  // nobody new; who is here may finish
  try {
    co_await server.wait_closed(30s);
  } catch (const timeout&) {
    server.close(true, 1012, "restarting");  // now everyone goes
  }
  co_await server.wait_closed();
}
// [drain]

int main() {
  run(only_our_pages());
  run(several_steps());
  run(with_passwords());
  run(with_accounts());
  run(with_routes());
  run(with_state());
  run(with_cookies());
  run(with_versions());
  run(with_limits());
  run(open_late());
  auto server = with_routes();
  run(drain(server));
}
