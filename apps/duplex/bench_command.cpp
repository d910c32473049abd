// duplex bench: load on an echo server.
#include <algorithm>
#include <cstdio>
#include <duplex/error.hpp>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>

#include "bench/load.hpp"
#include "bench/report.hpp"
#include "client_arguments.hpp"
#include "command.hpp"
#include "escape.hpp"

namespace duplex::cli {
namespace {

constexpr const char* about = "Measure how fast a WebSocket server echoes";

constexpr const char* manual =
    R"(Each connection sends as soon as it has a reply, so that --pipeline messages are
always on their way. With --rate messages are sent at their times instead,
whatever comes back, and a latency counts from the time its message was to be
sent: a server that stalls is charged for all it delays. How late this program
itself was with sending is told, and part of the latencies.

Exit status:
  0  every message was echoed
  1  there were errors, or the server cannot be reached
  2  the arguments make no sense)";

struct arguments {
  client_arguments client;
  bench::load_plan plan;
  double duration = 10;
  std::optional<int> pid;
  bool text = false, json = false;
};

void add_options(CLI::App& command, arguments& to) {
  to.client.compression = "off";
  add_client_options(command, to.client);
  command.add_option("--connections", to.plan.connections, "connections at once")
      ->type_name("NUMBER")
      ->check(CLI::Range(std::size_t{1}, std::size_t{1'000'000}))
      ->capture_default_str();
  command.add_option("--threads", to.plan.threads, "that share the connections")
      ->type_name("NUMBER")
      ->check(CLI::Range(1u, 256u))
      ->capture_default_str();
  command.add_option("--size", to.plan.size, "of a message")
      ->type_name("BYTES")
      ->check(CLI::Range(std::size_t{0}, std::size_t{1} << 30))
      ->capture_default_str();
  auto* const pipeline =
      command.add_option("--pipeline", to.plan.in_flight, "in flight on each connection")
          ->type_name("MESSAGES")
          ->check(CLI::Range(std::size_t{1}, std::size_t{1'000'000}))
          ->capture_default_str();
  command.add_option("--rate", to.plan.rate, "a second, on all connections together")
      ->type_name("MESSAGES")
      ->check(CLI::Range(0.001, 1e8))
      ->excludes(pipeline);
  command.add_option("--duration", to.duration, "of the load")
      ->type_name("SECONDS")
      ->check(CLI::Range(0.01, 86400.0))
      ->capture_default_str();
  auto* const text = command.add_flag("--text", to.text, "send text messages, as by default");
  command.add_flag("--binary", to.plan.binary, "send binary messages")->excludes(text);
  command.add_option("--pid", to.pid, "the server's process, on this machine: tell its CPU")
      ->type_name("PID")
      ->check(CLI::PositiveNumber);
  command.add_flag("--json", to.json, "report as JSON");
  command.footer(manual);
}

int measure(const arguments& from) try {
  const client_settings settings(from.client, stderr_logger(log_level_of(from.client.log_level)));
  auto plan = from.plan;
  plan.uri = from.client.uri;
  plan.options = settings.options;
  if (plan.options.max_size) plan.options.max_size = std::max(*plan.options.max_size, plan.size);
  plan.threads = std::min(plan.threads, static_cast<unsigned>(plan.connections));
  plan.time = to_duration(from.duration);
  bench::load_result result;
  {
    bench::progress_bar bar;
    result = bench::run_load(plan, from.pid, bar);
  }
  if (result.refused == plan.connections) {
    std::fprintf(stderr, "duplex: %s\n", printable(result.problem).c_str());
    return failure;
  }
  const auto report = from.json ? write_json(plan, result) : write_text(plan, result);
  std::fwrite(report.data(), 1, report.size(), stdout);
  return result.spotless() ? success : failure;
} catch (const std::invalid_argument& problem) {
  throw CLI::ValidationError(printable(problem.what()));
} catch (const invalid_uri& problem) {
  throw CLI::ValidationError(printable(problem.what()));
} catch (const invalid_proxy& problem) {
  throw CLI::ValidationError(printable(problem.what()));
}

}  // namespace

void add_bench_command(CLI::App& app, int& status) {
  const auto chosen = std::make_shared<arguments>();
  CLI::App* const command = app.add_subcommand("bench", about);
  add_options(*command, *chosen);
  command->callback([chosen, &status] { status = measure(*chosen); });
}

}  // namespace duplex::cli
