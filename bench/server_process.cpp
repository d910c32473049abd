#include "server_process.hpp"

#include <sched.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <thread>

void pin(pid_t process, unsigned cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu % std::max(1u, std::thread::hardware_concurrency()), &set);
  sched_setaffinity(process, sizeof(set), &set);
}

double cpu_seconds(pid_t process) {
  clockid_t clock;
  timespec time;
  if (clock_getcpuclockid(process, &clock) != 0 || clock_gettime(clock, &time) != 0) {
    std::fprintf(stderr, "cannot read a server's CPU clock\n");
    std::exit(1);
  }
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

server_process::server_process(const std::vector<std::string>& command, bool pinned) {
  int output[2];
  if (pipe(output) != 0) std::exit(1);
  id_ = fork();
  if (id_ == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    dup2(output[1], STDOUT_FILENO);
    close(output[0]);
    close(output[1]);
    std::vector<char*> arguments;
    for (const auto& each : command) arguments.push_back(const_cast<char*>(each.c_str()));
    arguments.push_back(nullptr);
    if (pinned) pin(getpid(), 0);
    execvp(arguments[0], arguments.data());
    _exit(127);
  }
  close(output[1]);
  auto* lines = fdopen(output[0], "r");
  char line[256] = "";
  static_cast<void>(std::fgets(line, sizeof(line), lines));
  std::fclose(lines);
  const char* uri = std::strstr(line, "://");
  const char* colon = uri != nullptr ? std::strrchr(uri, ':') : nullptr;
  const int port = std::atoi(colon != nullptr ? colon + 1 : line);
  if (port == 0) {
    std::fprintf(stderr, "%s did not start\n", command.front().c_str());
    std::exit(1);
  }
  port_ = static_cast<std::uint16_t>(port);
}

server_process::~server_process() {
  kill(id_, SIGKILL);
  waitpid(id_, nullptr, 0);
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}
