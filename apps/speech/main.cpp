// duplex-speech: the speech server as a program.
#include <spdlog/sinks/base_sink.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
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
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "arguments/wording.hpp"
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

bool is_every_ipv4(const std::string& host) { return host.empty() || host == "0.0.0.0"; }

bool is_every_interface(const std::string& host) { return is_every_ipv4(host) || host == "::"; }

// A name by which a client on this machine reaches a server that listens on `hosts`.
std::string reachable(const std::vector<std::string>& hosts) {
  if (std::ranges::any_of(hosts, is_every_ipv4)) return "localhost";
  return hosts.front() == "::" ? "::1" : hosts.front();  // "::" leaves IPv4 alone
}

void announce(const speech::settings& chosen, const speech::speech_server& server,
              const speech::model_set& models) {
  const bool plain = chosen.tls_certificate.empty();
  const std::string where = to_string(address{reachable(chosen.hosts), server.port()});
  std::printf("duplex-speech listening on %s://%s (page %s://%s; %smodel%s %s)\n",
              plain ? "ws" : "wss", where.c_str(), plain ? "http" : "https", where.c_str(),
              std::ranges::any_of(chosen.hosts, is_every_interface) ? "on every interface; " : "",
              models.names().size() > 1 ? "s" : "", joined(models.names()).c_str());
  std::fflush(stdout);
}

// The certificate that the options name. That a file cannot be read is said of both.
tls_server read_certificate(const speech::settings& chosen) {
  std::string problem;
  const std::array files{std::pair("--tls-cert", chosen.tls_certificate),
                         std::pair("--tls-key", chosen.tls_key)};
  for (const auto& [option, file] : files) {
    if (access(file.c_str(), R_OK) == 0) continue;
    problem += (problem.empty() ? "cannot read " : ", nor ") + (option + (" '" + file + "'")) +
               " (" + std::generic_category().message(errno) + ")";
  }
  if (!problem.empty()) throw std::runtime_error(problem);
  try {
    return tls_server::pem(chosen.tls_certificate, chosen.tls_key);
  } catch (const std::exception& wrong) {
    constexpr std::array<arguments::option_names, 2> names{
        {{"tls.certificate_file", "--tls-cert"}, {"tls.key_file", "--tls-key"}}};
    throw std::runtime_error(arguments::renamed(wrong.what(), names));
  }
}

// The files as they are now, for who connects from now on.
void reload(const speech::settings& chosen, std::optional<tls_server>& certificates,
            speech::speech_server& server, const logger& log) {
  const auto attempt = [&](const std::string& what, auto&& read) {
    try {
      read();
      write_log(log, log_level::info, "SIGHUP: read the " + what + " again");
    } catch (const std::exception& problem) {
      write_log(log, log_level::error, "SIGHUP: kept the old " + what + ": " + problem.what());
    }
  };
  if (certificates)
    attempt("TLS certificate", [&] { certificates->replace(read_certificate(chosen)); });
  if (!chosen.token_file.empty())
    attempt("tokens", [&] { server.set_tokens(speech::all_tokens(chosen)); });
  if (!certificates && chosen.token_file.empty())
    write_log(log, log_level::info, "SIGHUP: there is nothing to read again");
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
  if (!chosen.tls_certificate.empty()) certificates = read_certificate(chosen);

  io::loop loop;
  speech::server_options options{
      .host = chosen.hosts,
      .port = chosen.port,
      .threads = chosen.threads,
      .max_sessions = chosen.max_sessions,
      .max_connections_per_address = chosen.max_connections_per_address,
      .tokens = speech::all_tokens(chosen),
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
  const io::signal_set again({SIGHUP}, [&](int) { reload(chosen, certificates, server, log); });
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
