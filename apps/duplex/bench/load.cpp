// The threads of a run, and the CPU it costs.
#include "bench/load.hpp"

#include <sys/resource.h>
#include <time.h>

#include <algorithm>
#include <barrier>
#include <duplex/client.hpp>
#include <memory>
#include <stdexcept>
#include <thread>
#include <vector>

#include "bench/worker.hpp"

namespace duplex::cli::bench {
namespace {

// User's and system's, of all threads.
std::optional<double> server_cpu_seconds(int process) {
  clockid_t clock_of_process;
  timespec time = {};
  if (clock_getcpuclockid(process, &clock_of_process) != 0 ||
      clock_gettime(clock_of_process, &time) != 0) {
    return std::nullopt;
  }
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

double own_cpu_seconds() {
  rusage used = {};
  getrusage(RUSAGE_SELF, &used);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
  };
  return seconds(used.ru_utime) + seconds(used.ru_stime);
}

std::uint64_t replies_of(const std::vector<std::unique_ptr<worker>>& workers) {
  std::uint64_t sum = 0;
  for (const auto& each : workers) sum += each->replies();
  return sum;
}

}  // namespace

void load_result::add(const load_result& other) {
  latencies.add(other.latencies);
  lateness.add(other.lateness);
  replies += other.replies;
  refused += other.refused;
  broken += other.broken;
  wrong += other.wrong;
  unanswered += other.unanswered;
  if (problem.empty()) problem = other.problem;
  seconds = std::max(seconds, other.seconds);
}

load_result run_load(const load_plan& plan, std::optional<int> server, load_watch& watch) {
  if (server && !server_cpu_seconds(*server)) {
    throw std::runtime_error("there is no process " + std::to_string(*server));
  }
  static_cast<void>(connect(plan.uri, plan.options));  // never started
  std::barrier all_open(static_cast<std::ptrdiff_t>(plan.threads) + 1);
  std::vector<std::unique_ptr<worker>> workers;
  std::vector<std::jthread> threads;
  for (std::size_t i = 0; i < plan.threads; ++i) {
    workers.push_back(std::make_unique<worker>(plan, i));
  }
  for (auto& each : workers) {
    threads.emplace_back([&work = *each, &all_open] { work.run(all_open); });
  }

  all_open.arrive_and_wait();
  const auto start = clock::now();
  const double own_before = own_cpu_seconds();
  const auto server_before = server ? server_cpu_seconds(*server) : std::nullopt;
  const auto over = [&] {
    return std::all_of(workers.begin(), workers.end(), [](auto& each) { return each->over(); });
  };
  for (auto now = start; now < start + plan.time && !over(); now = clock::now()) {
    const auto tick =
        std::min<clock::duration>(start + plan.time - now, std::chrono::milliseconds(100));
    std::this_thread::sleep_for(tick);
    const auto share = std::chrono::duration<double>(clock::now() - start) / plan.time;
    watch.progress(std::min(share, 1.0), replies_of(workers));
  }
  load_result result;
  result.own_cpu = own_cpu_seconds() - own_before;
  const auto server_after = server ? server_cpu_seconds(*server) : std::nullopt;
  if (server_before && server_after) result.server_cpu = *server_after - *server_before;
  result.server_gone = server && !result.server_cpu;
  for (auto& each : threads) each.join();
  for (const auto& each : workers) result.add(each->result());
  return result;
}

}  // namespace duplex::cli::bench
