// How many people a speech server can listen to at once, and how long each of them waits.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <deque>
#include <duplex/duplex.hpp>
#include <exception>
#include <fstream>
#include <random>
#include <string>
#include <vector>

#include "../server_process.hpp"
#include "conversation.hpp"
#include "live_client.hpp"

namespace {

using namespace duplex;
using std::chrono::milliseconds;

struct settings {
  live_plan plan;
  std::string recordings;
  std::vector<int> clients{1, 2, 4, 8};
  double seconds = 30;
  int pause_ms = 2000;
  std::vector<std::string> server;
  std::string csv = {};
  double most_stop_ms = 0;
};

double percentile(std::vector<double>& values, double share) {
  if (values.empty()) return 0;
  std::ranges::sort(values);
  return values[std::min(values.size() - 1,
                         static_cast<std::size_t>(share * static_cast<double>(values.size())))];
}

double resident_mb(pid_t process) {
  std::ifstream in("/proc/" + std::to_string(process) + "/statm");
  double pages = 0;
  in >> pages >> pages;
  return pages * static_cast<double>(sysconf(_SC_PAGESIZE)) / 1e6;
}

// People do not begin to speak together: spread over the longest recording's time.
task<> begin_later(const settings& chosen, milliseconds delay, const conversation& said,
                   live_results& results) {
  co_await sleep_for(delay);
  co_await speak(chosen.plan, said, results);
}

task<> all_speak(const settings& chosen, const std::deque<conversation>& said,
                 live_results& results) {
  std::minstd_rand random(1);
  scope tasks;
  for (const auto& each : said) {
    const milliseconds delay(random() % 3000);
    tasks.spawn(begin_later(chosen, delay, each, results));
  }
  co_await tasks.join();
}

struct round_figures {
  live_results met;
  double cpu_per_stream = 0;                 // cores
  double resident_before = 0, resident = 0;  // MB
};

round_figures measure(const settings& chosen, const std::vector<recorded>& recordings, int clients,
                      pid_t server) {
  std::deque<conversation> said;
  for (int i = 0; i < clients; ++i)
    said.emplace_back(recordings, static_cast<std::size_t>(i) * 7,
                      milliseconds(static_cast<std::int64_t>(chosen.seconds * 1000)),
                      milliseconds(chosen.pause_ms));
  double audio_seconds = 0;
  for (const auto& each : said)
    audio_seconds += static_cast<double>(each.samples().size()) / (1000 * samples_per_ms);
  round_figures figures;
  figures.resident_before = resident_mb(server);
  const double before = cpu_seconds(server);
  run(all_speak(chosen, said, figures.met));
  figures.cpu_per_stream = (cpu_seconds(server) - before) / audio_seconds;
  figures.resident = resident_mb(server);
  return figures;
}

constexpr const char* head =
    "clients,first_p50,first_p95,first_p99,final_p50,final_p95,final_p99,stop_p50,stop_p95,"
    "stop_p99,lag_p50,lag_p95,ping_p99,ping_max,cpu_per_stream,rss_mb,utterances,silent,lost";

std::string row(int clients, round_figures& it) {
  auto& met = it.met;
  std::string line = std::to_string(clients);
  const auto add = [&line](double value, const char* format) {
    char text[32];
    std::snprintf(text, sizeof(text), format, value);
    line += ',';
    line += text;
  };
  for (auto* values : {&met.first_partial, &met.final_text, &met.stop})
    for (const double share : {0.5, 0.95, 0.99}) add(percentile(*values, share), "%.0f");
  add(percentile(met.lag, 0.5), "%.0f");
  add(percentile(met.lag, 0.95), "%.0f");
  add(percentile(met.ping, 0.99), "%.1f");
  add(percentile(met.ping, 1), "%.1f");
  add(it.cpu_per_stream, "%.3f");
  add(it.resident, "%.0f");
  for (const auto count : {met.utterances, met.silent, met.lost})
    line += ',' + std::to_string(count);
  return line;
}

void print(int clients, round_figures& it) {
  auto& met = it.met;
  std::printf(
      "%7d  %5.0f %5.0f %5.0f  %5.0f %5.0f %5.0f  %5.0f %5.0f %5.0f  %5.0f  %6.1f %6.1f"
      "  %5.3f %5.0f  %4zu %3zu %3zu  %s\n",
      clients, percentile(met.first_partial, 0.5), percentile(met.first_partial, 0.95),
      percentile(met.first_partial, 0.99), percentile(met.final_text, 0.5),
      percentile(met.final_text, 0.95), percentile(met.final_text, 0.99), percentile(met.stop, 0.5),
      percentile(met.stop, 0.95), percentile(met.stop, 0.99), percentile(met.lag, 0.95),
      percentile(met.ping, 0.99), percentile(met.ping, 1), it.cpu_per_stream, it.resident,
      met.utterances, met.silent, met.lost, met.problem.c_str());
  std::fflush(stdout);
}

int measure_all(settings& chosen) {
  const server_process server(chosen.server, false);
  chosen.plan.uri = "ws://localhost:" + std::to_string(server.port());
  const auto recordings = read_recordings(chosen.recordings);
  std::ofstream csv(chosen.csv);
  csv << head << '\n';
  std::printf("live clients, %zu recordings with %d ms between them; milliseconds, cores, MB\n",
              recordings.size(), chosen.pause_ms);
  std::printf("%7s  %-17s  %-17s  %-17s  %5s  %-13s  %5s %5s  %4s %3s %3s\n", "", "first text",
              "final", "stop to done", "lag", "ping", "CPU", "RSS", "said", "", "");
  std::printf("%7s  %5s %5s %5s  %5s %5s %5s  %5s %5s %5s  %5s  %6s %6s  %5s %5s  %4s %3s %3s\n",
              "clients", "p50", "p95", "p99", "p50", "p95", "p99", "p50", "p95", "p99", "p95",
              "p99", "max", "each", "", "", "no", "lost");
  bool is_good = true;
  for (const int clients : chosen.clients) {
    auto figures = measure(chosen, recordings, clients, server.id());
    print(clients, figures);
    csv << row(clients, figures) << std::endl;
    is_good =
        is_good && figures.met.lost == 0 && figures.met.problem.empty() &&
        (chosen.most_stop_ms == 0 || percentile(figures.met.stop, 0.95) <= chosen.most_stop_ms);
  }
  return is_good ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) try {
  CLI::App app("Paced live clients of a speech server.", "bench_speech");
  app.footer("Exit status: 1 where a final was lost, a session failed, or it was too slow.");
  settings chosen;
  int chunk_ms = 100, interval_ms = 200;
  app.add_option("server", chosen.server,
                 "the server's command; its first line of output has its URI")
      ->required();
  app.add_option("--recordings", chosen.recordings, "directory of 16 kHz mono WAV files")
      ->required();
  app.add_option("--clients", chosen.clients, "how many at once, one round each")->delimiter(',');
  app.add_option("--seconds", chosen.seconds, "of audio for each client");
  app.add_option("--pause", chosen.pause_ms, "milliseconds between recordings");
  app.add_option("--chunk", chunk_ms, "milliseconds of audio in a message")
      ->check(CLI::Range(10, 10'000));
  app.add_option("--interval", interval_ms, "milliseconds between partials");
  app.add_option("--csv", chosen.csv, "where to write the figures too");
  app.add_option("--most-stop", chosen.most_stop_ms,
                 "fail where stop to done takes longer at p95, in milliseconds");
  CLI11_PARSE(app, argc, argv);
  chosen.plan.chunk = milliseconds(chunk_ms);
  chosen.plan.interval = milliseconds(interval_ms);
  return measure_all(chosen);
} catch (const std::exception& error) {
  std::fprintf(stderr, "bench_speech: %s\n", error.what());
  return 1;
}
