// Server CPU and bytes per compressed message: echo servers against the first of them, in turn.
//
// Usage: bench_deflate [--rounds 5] [--seconds 1] [--connections 10] SERVER...
// SERVER: a command that prints its port; words are separated by spaces.
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "deflate_load.hpp"
#include "server_process.hpp"

namespace {

struct contestant {
  std::string name;
  std::unique_ptr<server_process> server;
  std::vector<double> cpu_us = {}, bytes = {}, ratios = {};
};

std::vector<std::string> words_of(const std::string& command) {
  std::istringstream in(command);
  std::vector<std::string> words;
  for (std::string word; in >> word;) words.push_back(word);
  return words;
}

}  // namespace

int main(int argc, char** argv) {
  int rounds = 5, connections = 10;
  double seconds = 1;
  std::vector<contestant> all;
  for (int i = 1; i < argc; ++i) {
    const bool has_value = i + 1 < argc;
    if (std::strcmp(argv[i], "--rounds") == 0 && has_value) {
      rounds = std::atoi(argv[++i]);
    } else if (std::strcmp(argv[i], "--seconds") == 0 && has_value) {
      seconds = std::atof(argv[++i]);
    } else if (std::strcmp(argv[i], "--connections") == 0 && has_value) {
      connections = std::atoi(argv[++i]);
    } else {
      const auto words = words_of(argv[i]);
      if (words.empty()) continue;
      const auto& path = words.back();
      all.push_back({path.substr(path.rfind('/') + 1), std::make_unique<server_process>(words)});
    }
  }
  if (all.empty() || rounds < 1 || connections < 1 || seconds <= 0) {
    std::fprintf(stderr,
                 "usage: bench_deflate [--rounds 5] [--seconds 1] [--connections 10] SERVER...\n");
    return 2;
  }
  pin(getpid(), 1);
  for (int round = 0; round < rounds; ++round) {
    for (auto& each : all) {
      deflate_load load(each.server->port(), each.server->id(), connections, 4);
      load.run(seconds / 5);  // warm-up
      const auto result = load.run(seconds);
      each.cpu_us.push_back(result.cpu_us);
      each.bytes.push_back(result.bytes);
      each.ratios.push_back(result.cpu_us / all.front().cpu_us.back());
    }
  }
  std::printf(
      "JSON of 2 KiB, permessage-deflate with takeover, %d connections, 4 in flight; medians of "
      "%d rounds\n",
      connections, rounds);
  std::printf("%-24s %14s %12s %14s\n", "server", "CPU us/message", "ratio", "bytes/message");
  for (const auto& each : all) {
    std::printf("%-24s %14.2f %12.2f %14.0f\n", each.name.c_str(), median(each.cpu_us),
                median(each.ratios), median(each.bytes));
  }
}
