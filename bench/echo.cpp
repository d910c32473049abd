// Server CPU per echoed message: a WebSocket server against the floor, in pairs, as ratios.
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "echo_load.hpp"
#include "server_process.hpp"

namespace {

echo_result measure(const server_process& server, const echo_work& work, bool websocket,
                    double seconds) {
  echo_load load(server.port(), server.id(), work, websocket);
  load.run(seconds / 5);  // warm-up
  return load.run(seconds);
}

}  // namespace

int main(int argc, char** argv) {
  int pairs = 5;
  double seconds = 1;
  bool check = false;
  std::vector<std::string> servers;
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], "--pairs") == 0 && i + 1 < argc)
      pairs = std::atoi(argv[++i]);
    else if (std::strcmp(argv[i], "--seconds") == 0 && i + 1 < argc)
      seconds = std::atof(argv[++i]);
    else if (std::strcmp(argv[i], "--check") == 0)
      check = true;
    else
      servers.emplace_back(argv[i]);
  }
  if (servers.size() != 2 || pairs < 1 || seconds <= 0) {
    std::fprintf(stderr, "usage: bench_echo [--pairs 5] [--seconds 1] [--check] SERVER FLOOR\n");
    return 2;
  }
  pin(getpid(), 1);
  const server_process server({servers[0]}), floor({servers[1]});

  std::printf("server CPU per echo, 20 in flight; median of %d pairs\n", pairs);
  std::printf("%8s %12s %12s %12s %8s %14s\n", "bytes", "connections", "server us", "floor us",
              "ratio", "messages/s");
  bool all_echoed = true;
  for (const std::size_t size : {20, 1024, 16384}) {
    for (const int connections : {1, 50}) {
      const echo_work work{size, connections, 20};
      std::vector<double> ratios, server_cpu, floor_cpu, rates;
      for (int pair = 0; pair < pairs; ++pair) {
        const auto ours = measure(server, work, true, seconds);
        const auto theirs = measure(floor, work, false, seconds);
        all_echoed = all_echoed && ours.echoed > 0 && theirs.echoed > 0;
        ratios.push_back(ours.cpu_us / theirs.cpu_us);
        server_cpu.push_back(ours.cpu_us);
        floor_cpu.push_back(theirs.cpu_us);
        rates.push_back(ours.rate);
      }
      std::printf("%8zu %12d %12.3f %12.3f %8.2f %14.0f\n", size, connections, median(server_cpu),
                  median(floor_cpu), median(ratios), median(rates));
      std::fflush(stdout);
    }
  }
  return check && !all_echoed ? 1 : 0;
}
