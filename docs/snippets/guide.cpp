// The code of docs/guide.md.
#include <duplex/duplex.hpp>
#include <duplex/protocol/connection.hpp>
#include <iostream>
#include <ostream>
#include <stdexcept>
#include <thread>
using namespace duplex;
using namespace std::chrono_literals;

std::string transform(std::string_view text) { return std::string(text); }

// [handler]
task<> handle(connection& ws) {
  std::cout << ws.remote_address().host << " asked for " << ws.request().path() << '\n';
  while (auto message = co_await ws.next()) {
    if (message->is_binary()) {
      co_await ws.close(1003, "text only, please");
      co_return;
    }
    co_await ws.send(transform(message->text()));
  }
}
// [handler]

void listen() {
  // [serve]
  auto server = serve(handle, "", 8765,
                      {.subprotocols = {"chat.v2", "chat.v1"},
                       .ping_interval = 10s,
                       .max_size = 64 * 1024,
                       .logger = stderr_logger(log_level::info)});
  std::cout << "on port " << server.port() << '\n';
  run(std::move(server));
  // [serve]
}

// [client]
task<std::string> ask(std::string question) {
  auto ws = co_await connect("ws://localhost:8765/ask",
                             {.subprotocols = {"chat.v2"},
                              .additional_headers = {{"Authorization", "Bearer 1234"}},
                              .open_timeout = 3s});
  co_await ws.send(question);
  auto answer = co_await ws.recv();
  co_return std::string(answer.text());
}
// [client]

void ask_once() {
  // [run]
  std::cout << run(ask("how are you?")) << '\n';
  // [run]
}

// [logging]
const logger audit(
    [](const log_record& record) {
      if (record.level >= log_level::warning) std::cerr << record.connection_id << ' ';
      std::cerr << record.message << '\n';
    },
    log_level::debug);
// [logging]

// [limits]
task<> patient(connection& ws, std::stop_token stop) {
  for (;;) {
    try {
      auto message = co_await ws.recv({500ms, stop});
      std::cout << message.text() << '\n';
    } catch (const timeout&) {
      std::cout << "nothing for half a second; the connection is as it was\n";
    }
  }
}
// [limits]

// [errors]
task<> careful() {
  try {
    auto ws = co_await connect("ws://localhost:8765");
    while (auto message = co_await ws.next()) std::cout << message->text() << '\n';
  } catch (const connection_closed_error& end) {
    std::cout << end.what() << '\n';  // "received 1011 (internal error); then sent 1011 ..."
  } catch (const invalid_status& refusal) {
    std::cout << "refused with " << refusal.response().status << '\n';
  } catch (const std::system_error& trouble) {
    std::cout << trouble.what() << '\n';  // "cannot connect to localhost:8765: ..."
  }
}
// [errors]

// [both]
task<> receive_all(connection& ws) {
  while (auto message = co_await ws.next()) std::cout << message->text() << '\n';
}

task<> talk_and_listen(connection& ws) {
  scope tasks;
  tasks.spawn(receive_all(ws));
  for (int i = 0; i < 3; ++i) co_await ws.send("tick");
  co_await ws.close();
  co_await tasks.join();
}
// [both]

// [compression]
server listen_compressed() {
  return serve(handle, "", 8766,
               {.compression = deflate_options{.server_max_window_bits = 12, .level = 6},
                .max_size = 256 * 1024});
}

task<> send_photo(std::span<const std::byte> jpeg) {
  auto ws = co_await connect("ws://localhost:8766", {.compression = std::nullopt});
  co_await ws.send(jpeg, {.compress = false});  // or, one message at a time
}
// [compression]

task<> count_connections(server& server) {
  // [broadcast]
  server.broadcast("to all connections of the server, on all of its threads");
  broadcast(server.connections(), "to these", {.slow = slow_consumer::drop});
  // [broadcast]
  co_return;
}

// [topics]
task<> follow(connection& ws) {
  ws.subscribe("prices");
  ws.subscribe("room" + std::string(ws.request().path()));
  while (auto message = co_await ws.next()) {
    ws.publish("room" + std::string(ws.request().path()), *message);  // to the others in it
  }
}

void publish_prices(const publisher& news) {  // in any thread; `server.publisher()` gives it
  news.publish("prices", "EUR 1.08", {.slow = slow_consumer::latest_only});
}
// [topics]

// [post_send]
task<> work(connection& ws) {
  const connection_handle client = ws.handle();
  std::jthread worker([client] { client.post_send("from another thread"); });
  co_await ws.wait_closed();
}
// [post_send]

void listen_on_all_cores() {
  // [threads]
  auto server = serve(follow, "", 8765, {.threads = 0});  // one loop a core
  run(std::move(server));
  // [threads]
}

// [recv_streaming]
task<> store(connection& ws, std::ostream& file) {
  auto upload = co_await ws.recv_streaming();
  while (auto fragment = co_await upload.next(30s)) file << fragment->text();
  co_await ws.send("stored");
}
// [recv_streaming]

// [send_fragments]
task<> tell(connection& ws, const std::vector<std::string>& lines) {
  co_await ws.send(lines);  // one message, a fragment for each line
  int left = 3;
  auto countdown = [&left]() -> task<std::optional<message>> {
    co_await sleep_for(1s);
    if (left == 0) co_return std::nullopt;
    co_return message(std::to_string(left--));
  };
  co_await ws.send(countdown);  // one message, which takes four seconds
}
// [send_fragments]

void look(const connection& ws) {
  // [stats]
  const auto figures = ws.stats();
  std::cout << figures.messages_received << " messages, " << figures.bytes_unsent
            << " bytes unsent, compressed to 1/" << figures.sent.ratio() << '\n';
  // [stats]
}

// [blocking]
task<> slow(connection& ws) {
  while (auto message = co_await ws.next()) {
    auto work = [message = std::move(*message)] { return transform(message.text()); };
    auto result = co_await run_blocking(std::move(work));  // others are served meanwhile
    co_await ws.send(result);
  }
}
// [blocking]

// [sync]
void converse() {
  auto ws = sync::connect("ws://localhost:8765", {.max_queue = 100});
  ws.send("first");
  while (auto message = ws.next(30s)) {
    std::cout << message->text() << '\n';
    ws.send("next");
  }
}
// [sync]

// [sans_io]
// Bytes from anywhere in, bytes for anywhere out: an echo without a socket or a clock in sight.
std::string answer(protocol::connection& core, std::string_view bytes, protocol::time_point now) {
  core.receive_data(as_bytes(bytes), now);
  while (auto event = core.next_event()) {
    if (event->kind != protocol::event::type::message) continue;
    core.send(message::type::text, event->payload.bytes());
  }
  std::string out;
  for (auto part : core.data_to_send()) out += as_text(part);
  core.data_sent(out.size());
  return out;
}
// [sans_io]

int main() {
  listen();
  run(listen_compressed());
  run(send_photo({}));
  ask_once();
  run(careful());
  converse();
}
