// duplex serve: a WebSocket server to try clients with.
#include <cstdio>
#include <duplex/error.hpp>
#include <duplex/io/address.hpp>
#include <duplex/run.hpp>
#include <duplex/server.hpp>
#include <duplex/static_files.hpp>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "client_arguments.hpp"
#include "command.hpp"
#include "escape.hpp"

namespace duplex::cli {
namespace {

constexpr const char* about = "Serve WebSocket: echo every message, or pass it on";

constexpr const char* manual =
    R"(It prints where it listens, and serves until SIGINT or SIGTERM (Ctrl-C), which
closes connections with 1001.

Exit status:
  0  it was stopped by a signal
  1  it cannot listen
  2  the arguments make no sense)";

struct arguments {
  std::string host = "localhost";
  int port = 8765;
  std::optional<std::string> unix_socket;
  bool broadcast = false;
  std::string directory;
  std::string certificate, key;
  std::vector<std::string> subprotocols;
  std::size_t max_size = std::size_t{1} << 20;
  std::string log_level = "info";
};

void add_options(CLI::App& command, arguments& to) {
  auto* const host =
      command.add_option("--host", to.host, "where to listen; '' for all interfaces")
          ->type_name("HOST")
          ->capture_default_str();
  auto* const port = command.add_option("--port", to.port, "where to listen; 0 for a free one")
                         ->type_name("PORT")
                         ->check(CLI::Range(0, 65535))
                         ->capture_default_str();
  command.add_option("--unix", to.unix_socket, "listen on this socket instead")
      ->type_name("FILE")
      ->excludes(host)
      ->excludes(port);
  command.add_flag("--broadcast", to.broadcast, "send each message to all others, not back");
  command.add_option("--static", to.directory, "show these files to requests of plain HTTP")
      ->type_name("DIR");
  auto* const certificate =
      command.add_option("--tls-cert", to.certificate, "speak TLS with this certificate and chain")
          ->type_name("FILE");
  auto* const key = command.add_option("--tls-key", to.key, "its key")->type_name("FILE");
  certificate->needs(key);
  key->needs(certificate);
  command.add_option("--subprotocol", to.subprotocols, "speak a subprotocol; repeatable")
      ->type_name("NAME")
      ->allow_extra_args(false);
  command.add_option("--max-size", to.max_size, "of a message received; 0 for any")
      ->type_name("BYTES")
      ->capture_default_str();
  add_log_level(command, to.log_level);
  command.footer(manual);
}

task<> echo(connection& ws) {
  while (auto message = co_await ws.next()) co_await ws.send(*message);
}

// A client that reads too slowly misses messages, and holds up nobody.
task<> relay(connection& ws) {
  ws.subscribe("all");
  while (auto message = co_await ws.next()) {
    ws.publish("all", *message, {.slow = slow_consumer::drop});
  }
}

std::optional<tls_server> tls_of(const arguments& from) {
  if (from.certificate.empty()) return std::nullopt;
  return tls_server::pem(from.certificate, from.key);
}

request_steps steps_of(const arguments& from) {
  if (from.directory.empty()) return {};
  return static_files(from.directory);
}

std::string host_of(const arguments& from) {
  if (from.unix_socket) return unix_address(*from.unix_socket).host;
  if (from.host.starts_with("unix:")) {
    throw CLI::ValidationError("--host", "a unix socket is given with --unix");
  }
  return from.host;
}

// Tells nothing until the program itself has told where it listens.
logger logger_after(std::shared_ptr<const bool> announced, log_level least) {
  auto sink = [announced = std::move(announced),
               otherwise = stderr_logger(least)](const log_record& record) {
    if (*announced || record.level > log_level::info) otherwise(record);
  };
  return {sink, least};
}

server listen(const arguments& from, std::shared_ptr<const bool> announced) try {
  return serve(from.broadcast ? relay : echo, host_of(from), from.unix_socket ? 0 : from.port,
               {.subprotocols = from.subprotocols,
                .process_request = steps_of(from),
                .max_size = from.max_size == 0 ? std::nullopt : std::optional(from.max_size),
                .tls = tls_of(from),
                .logger = logger_after(std::move(announced), log_level_of(from.log_level))});
} catch (const std::invalid_argument& problem) {
  throw CLI::ValidationError(printable(problem.what()));
}

int serve_until_stopped(const arguments& from) {
  const auto announced = std::make_shared<bool>(false);
  auto listening = listen(from, announced);
  for (const auto& each : listening.sockets()) {
    const auto uri = (from.certificate.empty() ? "ws://" : "wss://") + to_string(each) + "/";
    std::printf("listening on %s\n", printable(from.unix_socket.value_or(uri)).c_str());
  }
  std::fflush(stdout);
  *announced = true;
  run(std::move(listening));
  return success;
}

}  // namespace

void add_serve_command(CLI::App& app, int& status) {
  const auto chosen = std::make_shared<arguments>();
  CLI::App* const command = app.add_subcommand("serve", about);
  add_options(*command, *chosen);
  command->callback([chosen, &status] { status = serve_until_stopped(*chosen); });
}

}  // namespace duplex::cli
