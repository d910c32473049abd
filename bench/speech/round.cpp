#include "round.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <duplex/duplex.hpp>
#include <fstream>
#include <random>
#include <vector>

#include "../server_process.hpp"

namespace {

using namespace duplex;
using std::chrono::milliseconds;

double resident_mb(pid_t process) {
  std::ifstream in("/proc/" + std::to_string(process) + "/statm");
  double pages = 0;
  in >> pages >> pages;
  return pages * static_cast<double>(sysconf(_SC_PAGESIZE)) / 1e6;
}

class round_of_clients {
 public:
  round_of_clients(const round_plan& plan, std::span<const recorded> recordings, pid_t server,
                   round_figures& figures)
      : plan_(plan), recordings_(recordings), server_(server), figures_(figures) {}

  task<> run() {
    scope watching, speaking;
    watching.spawn(watch_memory());
    // People do not begin to speak together.
    for (int i = 0; i < figures_.clients; ++i)
      speaking.spawn(client(milliseconds(random_() % 3000), static_cast<std::size_t>(i) * 7));
    co_await speaking.join();
  }

  double audio_seconds() const { return std::chrono::duration<double>(audio_).count(); }

 private:
  task<> client(milliseconds delay, std::size_t recording) {
    co_await sleep_for(delay);
    for (milliseconds said{0}; said < plan_.length;) {
      const conversation it(recordings_, recording, plan_.session, plan_.pause);
      recording += it.utterances().size();
      said += it.length();
      audio_ += it.length();
      co_await speak(plan_.live, it, figures_.met);
    }
  }

  task<> watch_memory() {
    for (;;) {
      figures_.resident_mb = std::max(figures_.resident_mb, resident_mb(server_));
      co_await sleep_for(milliseconds(100));
    }
  }

  const round_plan& plan_;
  std::span<const recorded> recordings_;
  pid_t server_;
  round_figures& figures_;
  milliseconds audio_{0};
  std::minstd_rand random_{1};
};

}  // namespace

double round_figures::percentile(std::vector<double> values, double share) {
  if (values.empty()) return 0;
  std::ranges::sort(values);
  return values[std::min(values.size() - 1,
                         static_cast<std::size_t>(share * static_cast<double>(values.size())))];
}

bool round_figures::keeps_up(milliseconds limit) const {
  const auto most = static_cast<double>(limit.count());
  return met.lost == 0 && met.problem.empty() && percentile(met.first_partial, 0.95) <= most &&
         percentile(met.lag, 0.95) <= most && percentile(met.stop, 0.95) <= most;
}

std::string round_figures::csv_head() {
  return "clients,first_p50,first_p95,first_p99,final_p50,final_p95,final_p99,stop_p50,stop_p95,"
         "stop_p99,lag_p50,lag_p95,lag_p99,ping_p50,ping_p95,ping_max,server_cores,client_cores,"
         "rss_mb,utterances,silent,lost";
}

std::string round_figures::csv_row() const {
  std::string line = std::to_string(clients);
  const auto add = [&line](double value, const char* format) {
    char text[32];
    std::snprintf(text, sizeof(text), format, value);
    line += ',';
    line += text;
  };
  for (const auto* values : {&met.first_partial, &met.final_text, &met.stop, &met.lag})
    for (const double share : {0.5, 0.95, 0.99}) add(percentile(*values, share), "%.0f");
  for (const double share : {0.5, 0.95, 1.0}) add(percentile(met.ping, share), "%.1f");
  add(server_cores, "%.4f");
  add(client_cores, "%.4f");
  add(resident_mb, "%.1f");
  for (const auto count : {met.utterances, met.silent, met.lost})
    line += ',' + std::to_string(count);
  return line;
}

void round_figures::print_head() {
  std::printf("%7s  %-17s  %-17s  %-17s  %-11s  %-20s  %-13s  %5s  %4s %3s %4s\n", "", "first text",
              "final", "stop to done", "lag", "ping", "cores each", "RSS", "said", "no", "");
  std::printf(
      "%7s  %5s %5s %5s  %5s %5s %5s  %5s %5s %5s  %5s %5s  %6s %6s %6s  %6s %6s  %5s"
      "  %4s %3s %4s\n",
      "clients", "p50", "p95", "p99", "p50", "p95", "p99", "p50", "p95", "p99", "p50", "p95", "p50",
      "p95", "max", "server", "client", "MB", "", "text", "lost");
}

void round_figures::print() const {
  std::printf("%7d", clients);
  for (const auto* values : {&met.first_partial, &met.final_text, &met.stop})
    std::printf("  %5.0f %5.0f %5.0f", percentile(*values, 0.5), percentile(*values, 0.95),
                percentile(*values, 0.99));
  std::printf("  %5.0f %5.0f", percentile(met.lag, 0.5), percentile(met.lag, 0.95));
  std::printf("  %6.1f %6.1f %6.1f", percentile(met.ping, 0.5), percentile(met.ping, 0.95),
              percentile(met.ping, 1));
  std::printf("  %6.3f %6.3f  %5.0f  %4zu %4zu %4zu  %s\n", server_cores, client_cores, resident_mb,
              met.utterances, met.silent, met.lost, met.problem.c_str());
  std::fflush(stdout);
}

round_figures measure(const round_plan& plan, std::span<const recorded> recordings, int clients,
                      pid_t server) {
  round_figures figures{.clients = clients};
  round_of_clients it(plan, recordings, server, figures);
  const double server_before = cpu_seconds(server), client_before = cpu_seconds(getpid());
  run(it.run());
  figures.server_cores = (cpu_seconds(server) - server_before) / it.audio_seconds();
  figures.client_cores = (cpu_seconds(getpid()) - client_before) / it.audio_seconds();
  return figures;
}
