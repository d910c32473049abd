// What a second thread gives a server where its load generator needs a processor too.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "echo_load.hpp"
#include "server_process.hpp"

int main(int argc, char** argv) {
  int rounds = 5;
  double seconds = 1;
  std::string server;
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], "--rounds") == 0 && i + 1 < argc)
      rounds = std::atoi(argv[++i]);
    else if (std::strcmp(argv[i], "--seconds") == 0 && i + 1 < argc)
      seconds = std::atof(argv[++i]);
    else
      server = argv[i];
  }
  if (server.empty() || rounds < 1 || seconds <= 0) {
    std::fprintf(stderr, "usage: bench_threads [--rounds 5] [--seconds 1] SERVER\n");
    return 2;
  }
  const server_process one({server, "1"}, false), two({server, "2"}, false);
  std::printf("echo on one thread and on two, 50 connections; median of %d rounds\n", rounds);
  std::printf("%8s %12s %12s %14s %14s %8s\n", "bytes", "one: CPU us", "two: CPU us",
              "one: echoes/s", "two: echoes/s", "ratio");
  for (const std::size_t size : {20, 1024, 16384}) {
    std::vector<double> cpu[2], rates[2], ratios;
    for (int round = 0; round < rounds; ++round) {
      for (const int i : {0, 1}) {
        const auto& measured = i == 0 ? one : two;
        echo_load load(measured.port(), measured.id(), {size, 50, 20}, true);
        load.run(seconds / 5);  // warm-up
        const auto result = load.run(seconds);
        cpu[i].push_back(result.cpu_us);
        rates[i].push_back(result.rate);
      }
      ratios.push_back(rates[1].back() / rates[0].back());
    }
    std::printf("%8zu %12.3f %12.3f %14.0f %14.0f %8.2f\n", size, median(cpu[0]), median(cpu[1]),
                median(rates[0]), median(rates[1]), median(ratios));
    std::fflush(stdout);
  }
}
