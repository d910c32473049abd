// duplex-speech: the speech server as a program.
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstdlib>
#include <duplex/io/loop.hpp>
#include <duplex/run.hpp>
#include <duplex/version.hpp>
#include <exception>
#include <string>
#include <thread>
#include <vector>

#include "speech/models.hpp"
#include "speech/server.hpp"

namespace {

using namespace duplex;

struct settings {
  std::string host = "0.0.0.0";
  int port = 8765;
  std::vector<std::string> models{"tiny"};
  unsigned threads = std::max(1U, std::thread::hardware_concurrency());
  std::string log_level = "warning";
};

void add_options(CLI::App& app, settings& it) {
  app.set_version_flag("--version", "duplex-speech " + std::string(version));
  app.add_option("--host", it.host, "address to listen on")->capture_default_str();
  app.add_option("--port", it.port, "port to listen on; 0 takes a free one")
      ->check(CLI::Range(0, 65535))
      ->capture_default_str();
  app.add_option("--model", it.models,
                 "name or directory of a model; several may be given, the first is the default")
      ->capture_default_str();
  app.add_option("--threads", it.threads, "recordings decoded at the same time")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  app.add_option("--log-level", it.log_level, "least level written to standard error")
      ->check(CLI::IsMember({"debug", "info", "warning", "error"}))
      ->capture_default_str();
}

spdlog::level::level_enum spdlog_level(log_level level) {
  switch (level) {
    case log_level::debug:
      return spdlog::level::debug;
    case log_level::info:
      return spdlog::level::info;
    case log_level::warning:
      return spdlog::level::warn;
    case log_level::error:
      break;
  }
  return spdlog::level::err;
}

logger log_to_stderr(const std::string& least) {
  auto sink = spdlog::stderr_logger_mt("duplex-speech");
  sink->set_level(spdlog::level::from_str(least));
  sink->set_pattern("%Y-%m-%dT%H:%M:%S.%e%z %l %v");
  auto write = [sink](const log_record& record) {
    if (record.connection_id.empty()) {
      sink->log(spdlog_level(record.level), record.message);
    } else {
      sink->log(spdlog_level(record.level), "{} [{}]", record.message, record.connection_id);
    }
  };
  // Frames are made lines only where someone reads them.
  return {write, sink->should_log(spdlog::level::debug) ? log_level::debug : log_level::info};
}

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const auto& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

// A name by which a client on this machine reaches a server that listens on `host`.
std::string reachable(const std::string& host) {
  return host == "0.0.0.0" || host == "::" ? "localhost" : host;
}

void serve_until_stopped(const settings& chosen) {
  // libuv's pool takes its size from here when it first works.
  setenv("UV_THREADPOOL_SIZE", std::to_string(chosen.threads).c_str(), 1);
  std::vector<std::shared_ptr<const speech::recognizer>> loaded;
  for (const auto& name : chosen.models) loaded.push_back(speech::load_recognizer(name));
  const speech::model_set models(std::move(loaded));
  const speech::request_handler handler(models);
  const io::loop loop;  // ends before the models, and waits for what is being decoded with them
  auto server =
      speech::serve_speech(handler, chosen.host, chosen.port, log_to_stderr(chosen.log_level));
  std::printf("duplex-speech listening on ws://%s (%smodel%s %s)\n",
              to_string(address{reachable(chosen.host), server.port()}).c_str(),
              reachable(chosen.host) == chosen.host ? "" : "on every interface; ",
              models.names().size() > 1 ? "s" : "", joined(models.names()).c_str());
  std::fflush(stdout);
  run(std::move(server));
}

}  // namespace

int main(int argc, char** argv) try {
  CLI::App app("Speech recognition over WebSocket.", "duplex-speech");
  app.footer(
      "Exit status: 0 after SIGINT or SIGTERM, 1 where it cannot serve, 2 for wrong arguments.");
  settings chosen;
  add_options(app, chosen);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {  // --help and --version too, whose code is 0
    return app.exit(error) == 0 ? 0 : 2;
  }
  serve_until_stopped(chosen);
  return 0;
} catch (const std::exception& error) {
  std::fprintf(stderr, "duplex-speech: %s\n", error.what());
  return 1;
}
