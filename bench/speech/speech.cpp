// How many people a speech server can listen to at once, and how long each of them waits.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <exception>
#include <fstream>
#include <optional>
#include <string>
#include <vector>

#include "../server_process.hpp"
#include "conversation.hpp"
#include "round.hpp"

namespace {

using std::chrono::milliseconds;

struct settings {
  round_plan plan;
  std::string recordings;
  std::vector<int> clients = {};  // none: as many as the server keeps up with
  int first = 4;
  milliseconds limit{2000};
  std::vector<std::string> server;
  std::string csv = {};
};

class bench {
 public:
  explicit bench(const settings& chosen)
      : chosen_(chosen),
        plan_(chosen.plan),
        recordings_(read_recordings(chosen.recordings)),
        server_(chosen.server, false),
        csv_(chosen.csv) {
    plan_.live.uri = "ws://localhost:" + std::to_string(server_.port());
    csv_ << round_figures::csv_head() << '\n';
    std::printf("live clients, %zu recordings with %d ms between them; milliseconds\n",
                recordings_.size(), static_cast<int>(plan_.pause.count()));
    round_figures::print_head();
  }

  bool measure_all() {
    bool keep_up = true;
    for (const int clients : chosen_.clients) keep_up = keeps_up(clients) && keep_up;
    return keep_up;
  }

  // Doubles the clients until the server does not keep up, then halves what is not known, down to a
  // tenth.
  bool sweep() {
    int most = 0, next = chosen_.first;
    std::optional<int> too_many;
    while (!too_many || *too_many - most > std::max(1, most / 10)) {
      if (keeps_up(next))
        most = next;
      else
        too_many = next;
      next = too_many ? (most + *too_many) / 2 : 2 * most;
    }
    std::printf("it keeps up with %d, within %d ms and with nothing lost\n", most,
                static_cast<int>(chosen_.limit.count()));
    if (most == 0) return false;
    plan_.length *= 2;
    std::printf("four fifths of that, for twice the time:\n");
    return keeps_up(std::max(1, most * 4 / 5));
  }

 private:
  bool keeps_up(int clients) {
    const auto figures = measure(plan_, recordings_, clients, server_.id());
    figures.print();
    csv_ << figures.csv_row() << std::endl;
    return figures.keeps_up(chosen_.limit);
  }

  const settings& chosen_;
  round_plan plan_;
  std::vector<recorded> recordings_;
  server_process server_;
  std::ofstream csv_;
};

}  // namespace

int main(int argc, char** argv) try {
  CLI::App app("Paced live clients of a speech server.", "bench_speech");
  app.footer(
      "The server keeps up where no final and no session is lost, and 95 of 100 first texts, from "
      "when somebody begins to speak, partials, behind the audio they cover, and ends, from stop "
      "to "
      "done, take no longer than --limit. Exit status: 1 where it does not.");
  settings chosen;
  double seconds = 40, session_seconds = 12;
  int pause_ms = 2000, chunk_ms = 100, interval_ms = 200, limit_ms = 2000;
  app.add_option("server", chosen.server,
                 "the server's command; its first line of output has its port or URI")
      ->required();
  app.add_option("--recordings", chosen.recordings, "directory of 16 kHz mono WAV files")
      ->required();
  app.add_option("--clients", chosen.clients,
                 "how many at once, one round each; without it, more and more until the server "
                 "does not keep up")
      ->delimiter(',')
      ->check(CLI::Range(1, 10'000));
  app.add_option("--first", chosen.first, "how many to begin with, without --clients")
      ->check(CLI::Range(1, 10'000));
  app.add_option("--limit", limit_ms, "milliseconds that first texts, partials and ends may take");
  app.add_option("--seconds", seconds, "of audio for each client, at least");
  app.add_option("--session", session_seconds, "seconds of audio in a session, at least");
  app.add_option("--pause", pause_ms, "milliseconds between recordings");
  app.add_option("--chunk", chunk_ms, "milliseconds of audio in a message")
      ->check(CLI::Range(10, 10'000));
  app.add_option("--interval", interval_ms, "milliseconds between partials");
  app.add_option("--csv", chosen.csv, "where to write the figures too");
  CLI11_PARSE(app, argc, argv);
  const auto ms_of = [](double s) { return milliseconds(static_cast<std::int64_t>(s * 1000)); };
  chosen.plan.length = ms_of(seconds);
  chosen.plan.session = ms_of(session_seconds);
  chosen.plan.pause = milliseconds(pause_ms);
  chosen.plan.live.chunk = milliseconds(chunk_ms);
  chosen.plan.live.interval = milliseconds(interval_ms);
  chosen.limit = milliseconds(limit_ms);
  bench it(chosen);
  return (chosen.clients.empty() ? it.sweep() : it.measure_all()) ? 0 : 1;
} catch (const std::exception& error) {
  std::fprintf(stderr, "bench_speech: %s\n", error.what());
  return 1;
}
