// The library's log in spdlog, with its levels; at debug it tells every frame.
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <duplex/duplex.hpp>
using namespace duplex;

logger to_spdlog(std::shared_ptr<spdlog::logger> sink, log_level least) {
  return {[sink](const log_record& record) {
            constexpr spdlog::level::level_enum levels[] = {
                spdlog::level::debug, spdlog::level::info, spdlog::level::warn, spdlog::level::err};
            sink->log(levels[static_cast<int>(record.level)], "{}", record.message);
          },
          least};
}

task<> echo(connection& ws) {
  while (auto message = co_await ws.next()) co_await ws.send(*message);
}

task<> greet(std::uint16_t port) {
  auto ws = co_await connect("ws://127.0.0.1:" + std::to_string(port));
  co_await ws.send("Hello world!");
  co_await ws.recv();
  co_await ws.close();
}

int main() {
  auto sink = spdlog::stdout_logger_mt("websocket");
  sink->set_level(spdlog::level::debug);
  sink->set_pattern("%n %l: %v");
  auto server = serve(echo, "127.0.0.1", 0, {.logger = to_spdlog(sink, log_level::debug)});
  run(greet(server.port()));
}
