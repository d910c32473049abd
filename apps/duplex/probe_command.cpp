// duplex probe: how a WebSocket server behaves where it matters.
#include <fnmatch.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <duplex/error.hpp>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "client_arguments.hpp"
#include "command.hpp"
#include "escape.hpp"
#include "probe/http.hpp"
#include "probe/report.hpp"
#include "probe/run.hpp"

namespace duplex::cli {
namespace {

constexpr const char* about =
    "Report how a WebSocket server keeps to the RFCs, and what it makes of abuse";

constexpr const char* manual =
    R"(The server should echo every message; without, the cases that need an echo are skipped.

Verdicts:
  ok       as RFC 6455 (WebSocket), RFC 7692 (compression) and RFC 9112 (HTTP/1.1) have it
  wrong    not so
  differs  legal, or nearly so, and weaker than what a strict server does
  skipped  not tried, for the reason that is told

Exit status:
  0  nothing is wrong and nothing differs
  1  something is wrong or differs, or the server cannot be reached
  2  the arguments make no sense)";

struct arguments {
  std::string uri;
  std::vector<std::string> headers, subprotocols, only;
  std::string origin;
  tls_arguments tls;
  double timeout = 4;
  std::size_t max_size = 0;
  unsigned jobs = 4;
  bool json = false, list = false, verbose = false;
};

void add_options(CLI::App& command, arguments& to) {
  command.add_option("URI", to.uri, "ws://host:port/path, or wss")->type_name("");
  command.add_option("--header", to.headers, "a header of the handshake; repeatable")
      ->type_name("'NAME: VALUE'")
      ->allow_extra_args(false);
  command.add_option("--origin", to.origin, "the Origin header")->type_name("ORIGIN");
  command.add_option("--subprotocol", to.subprotocols, "offer a subprotocol; repeatable")
      ->type_name("NAME")
      ->allow_extra_args(false);
  add_tls_options(command, to.tls);
  command.add_option("--timeout", to.timeout, "for the server's answer in each case")
      ->type_name("SECONDS")
      ->check(CLI::Range(0.01, 3600.0))
      ->capture_default_str();
  command
      .add_option("--max-size", to.max_size,
                  "of the largest message the server takes: try its limit")
      ->type_name("BYTES")
      ->check(CLI::Range(std::size_t{1}, std::size_t{1} << 30));
  command.add_option("--jobs", to.jobs, "cases at a time")
      ->type_name("NUMBER")
      ->check(CLI::Range(1, 256))
      ->capture_default_str();
  command
      .add_option("--only", to.only,
                  "only cases and categories that match, as 'utf8.*'; repeatable")
      ->type_name("PATTERN")
      ->allow_extra_args(false);
  command.add_flag("--list", to.list, "list the cases and stop");
  command.add_flag("--json", to.json, "report as JSON");
  command.add_flag("--verbose", to.verbose, "show every case");
  command.footer(manual);
}

bool matches(const std::vector<std::string>& patterns, const probe::probe_case& each) {
  return patterns.empty() || std::ranges::any_of(patterns, [&](const std::string& pattern) {
           return fnmatch(pattern.c_str(), each.name.c_str(), 0) == 0 ||
                  fnmatch(pattern.c_str(), each.category().c_str(), 0) == 0;
         });
}

std::vector<probe::probe_case> chosen_cases(const arguments& from) {
  auto cases = probe::all_cases();
  std::erase_if(cases, [&](const auto& each) { return !matches(from.only, each); });
  if (cases.empty()) throw CLI::ValidationError("--only", "no case matches");
  return cases;
}

probe::target make_target(const arguments& from) try {
  probe::target target{.uri = uri(from.uri)};
  if (!from.origin.empty()) target.settings.origin = from.origin;
  target.settings.subprotocols = from.subprotocols;
  for (const std::string& line : from.headers) {
    auto [name, value] = parse_header(line);
    target.settings.additional_headers.add(std::move(name), std::move(value));
  }
  if (from.max_size != 0) target.max_size = from.max_size;
  target.timeout = std::chrono::milliseconds(static_cast<long>(from.timeout * 1000));
  probe::right_request(target);  // says which of the settings no request can have
  return target;
} catch (const std::invalid_argument& problem) {
  throw CLI::ValidationError(problem.what());
} catch (const invalid_uri& problem) {
  throw CLI::ValidationError(problem.what());
}

int list(const std::vector<probe::probe_case>& cases) {
  for (const auto& each : cases) {
    std::printf("%-44s %-20s %s\n", each.name.c_str(), each.section.c_str(), each.sent.c_str());
  }
  return success;
}

int probe_server(const arguments& from) {
  const auto cases = chosen_cases(from);
  if (from.list) return list(cases);
  if (from.uri.empty()) throw CLI::RequiredError("URI");
  probe::target target = make_target(from);
  if (target.uri.secure()) target.tls = probe::make_tls_context(to_tls(from.tls));
  target.addresses = probe::resolve(target.uri);
  if (const auto problem = probe::discover(target)) {
    std::fprintf(stderr, "duplex probe: %s: %s\n", target.uri.str().c_str(), problem->c_str());
    return failure;
  }
  const auto results = probe::run(cases, target, from.jobs);
  const std::string report = from.json ? probe::write_json(target, results)
                                       : probe::write_table(target, results, from.verbose);
  std::fwrite(report.data(), 1, report.size(), stdout);
  return probe::count(results).spotless() ? success : failure;
}

}  // namespace

void add_probe_command(CLI::App& app, int& status) {
  const auto chosen = std::make_shared<arguments>();
  CLI::App* const command = app.add_subcommand("probe", about);
  add_options(*command, *chosen);
  command->callback([chosen, &status] { status = probe_server(*chosen); });
}

}  // namespace duplex::cli
