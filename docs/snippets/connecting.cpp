// The code of docs/connecting.md.
#include <duplex/duplex.hpp>
#include <iostream>
using namespace duplex;
using namespace std::chrono_literals;

task<> through_a_proxy() {
  // [proxy]
  auto ws = co_await connect("ws://example.com/feed",
                             {.proxy = "socks5h://user:p%40ss@proxy.example:1080"});
  auto direct = co_await connect("ws://localhost:8765", {.proxy = std::nullopt});
  // [proxy]
}

// [reconnecting]
task<> follow(std::string_view uri, std::stop_token stop) {
  const auto log = stderr_logger(log_level::info);  // tells of each attempt that failed
  reconnecting feed(uri, {.subprotocols = {"feed.v1"}, .logger = &log});
  for (;;) {
    auto ws = co_await feed.next(stop);
    try {
      while (auto message = co_await ws.next()) std::cout << message->text() << '\n';
    } catch (const connection_closed&) {
    }
  }
}
// [reconnecting]

// [blocking]
void follow_blocking(std::string_view uri) {
  sync::reconnecting feed(uri);
  for (;;) {
    auto ws = feed.next();
    try {
      while (auto message = ws.next()) std::cout << message->text() << '\n';
    } catch (const connection_closed&) {
    }
  }
}
// [blocking]

void retry_when_unauthorized(std::string_view uri) {
  // [process_exception]
  reconnect_options again;
  again.max_delay = 30s;
  again.process_exception = [](std::exception_ptr problem) -> std::exception_ptr {
    try {
      std::rethrow_exception(problem);
    } catch (const invalid_status& refusal) {
      if (refusal.response().status == 401) return nullptr;  // its tokens come late
    } catch (...) {
    }
    return process_exception(problem);
  };
  sync::reconnecting feed(uri, {}, again);
  // [process_exception]
}

int main() {
  run(through_a_proxy());
  run(follow("ws://localhost:8765", {}));
  follow_blocking("ws://localhost:8765");
  retry_when_unauthorized("ws://localhost:8765");
}
