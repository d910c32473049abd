// duplex-speech: the speech server as a program.
#include <spdlog/sinks/base_sink.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <duplex/coro/scope.hpp>
#include <duplex/io/address.hpp>
#include <duplex/io/loop.hpp>
#include <duplex/io/signals.hpp>
#include <duplex/io/systemd.hpp>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "speech/config.hpp"
#include "speech/line_writer.hpp"
#include "speech/models.hpp"
#include "speech/server.hpp"

namespace {

using namespace duplex;

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

class line_sink final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  explicit line_sink(speech::line_writer& to) : to_(to) {}

 private:
  void sink_it_(const spdlog::details::log_msg& record) override {
    spdlog::memory_buf_t text;
    formatter_->format(record, text);
    to_.write(std::string(text.data(), text.size() - 1));  // without the end of the line
  }
  void flush_() override {}

  speech::line_writer& to_;
};

// Writes lines of at least that level. Where `lines` waits for nobody, nor does this.
logger log_to(speech::line_writer& lines, const std::string& least) {
  auto sink = std::make_shared<spdlog::logger>("duplex-speech", std::make_shared<line_sink>(lines));
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

void announce(const speech::settings& chosen, const speech::speech_server& server,
              const speech::model_set& models) {
  std::printf("duplex-speech listening on %s://%s (%smodel%s %s)\n",
              chosen.tls_certificate.empty() ? "ws" : "wss",
              to_string(address{reachable(chosen.host), server.port()}).c_str(),
              reachable(chosen.host) == chosen.host ? "" : "on every interface; ",
              models.names().size() > 1 ? "s" : "", joined(models.names()).c_str());
  std::fflush(stdout);
}

// The files as they are now, for who connects from now on.
void reload(std::optional<tls_server>& certificates, const logger& log) {
  if (!certificates)
    return write_log(log, log_level::info, "SIGHUP: there is nothing to read again");
  try {
    certificates->reload();
    write_log(log, log_level::info, "SIGHUP: read the TLS certificate again");
  } catch (const std::exception& problem) {
    write_log(log, log_level::error,
              std::string("the TLS certificate stays as it was: ") + problem.what());
  }
}

task<> wait_for_end(speech::speech_server& server, bool& ended) {
  co_await server.wait_closed();
  ended = true;
}

void serve_until_stopped(const speech::settings& chosen) {
  std::vector<std::shared_ptr<const speech::recognizer>> loaded;
  for (const auto& name : chosen.models) loaded.push_back(speech::load_recognizer(name));
  const speech::model_set models(std::move(loaded));
  speech::line_writer output(STDOUT_FILENO), errors(STDERR_FILENO);
  const logger log = log_to(errors, chosen.log_level);
  std::optional<tls_server> certificates;
  if (!chosen.tls_certificate.empty())
    certificates = tls_server::pem(chosen.tls_certificate, chosen.tls_key);

  io::loop loop;
  speech::server_options options{
      .host = chosen.host,
      .port = chosen.port,
      .threads = chosen.threads,
      .max_sessions = chosen.max_sessions,
      .max_connections_per_address = chosen.max_connections_per_address,
      .tokens = chosen.tokens,
      .origins = chosen.origins,
      .tls = certificates,
      .request_memory = chosen.request_memory << 20,
      .logger = log,
      .session_log = [&](const std::string& line) { output.write(line); },
      .lines_dropped = [&] { return output.dropped() + errors.dropped(); }};
  options.streams.session.idle = chosen.idle;
  options.streams.session.longest = chosen.longest;
  options.streams.kept_sessions = chosen.max_sessions;
  speech::speech_server server(models, std::move(options));

  scope waiting;
  bool ended = false;
  int signals = 0;
  waiting.spawn(wait_for_end(server, ended));
  const io::signal_set stop({SIGINT, SIGTERM}, [&](int) {
    if (++signals > 1) return;
    io::notify_systemd("STOPPING=1");
    server.drain(chosen.drain);
  });
  const io::signal_set again({SIGHUP}, [&](int) { reload(certificates, log); });
  announce(chosen, server, models);
  io::notify_systemd("READY=1");  // not before a signal to stop would be heard
  loop.run_until([&] { return ended || signals > 1; });
}

}  // namespace

int main(int argc, char** argv) try {
  const auto chosen = speech::parse_settings(argc, argv);
  if (const int* status = std::get_if<int>(&chosen)) return *status;
  serve_until_stopped(std::get<speech::settings>(chosen));
  return 0;
} catch (const std::exception& error) {
  std::fprintf(stderr, "duplex-speech: %s\n", error.what());
  return 1;
}
