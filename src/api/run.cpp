// Driving the loop of the calling thread until something is done.
#include <algorithm>
#include <csignal>
#include <duplex/coro/scope.hpp>
#include <duplex/io/loop.hpp>
#include <duplex/io/signals.hpp>
#include <duplex/io/systemd.hpp>
#include <duplex/run.hpp>
#include <exception>
#include <optional>
#include <utility>

namespace duplex {
namespace {

task<> remember_end(task<> work, bool& done, std::exception_ptr& failure) {
  try {
    co_await work;
  } catch (...) {
    failure = std::current_exception();
  }
  done = true;
}

task<> serve_to_end(server& server, std::size_t& open) {
  co_await server.serve_forever();
  co_await server.wait_closed();
  --open;
}

// How long all of them may take to close; nullopt: for ever.
std::optional<duration> time_to_close(const std::vector<server>& servers) {
  duration longest = duration::zero();
  for (const auto& each : servers) {
    const auto& time = each.options().close_timeout;
    if (!time) return std::nullopt;
    longest = std::max(longest, 2 * *time);
  }
  return longest;
}

task<> set_after(std::chrono::nanoseconds time, bool& late) {
  co_await sleep_for(time);
  late = true;
}

// For connections that close in the background, each bounded by its own close_timeout.
void wait_for_kept(io::loop& loop) {
  loop.run_until([&loop] { return loop.kept() == 0; });
}

}  // namespace

namespace detail {

void run_to_end(task<> work) {
  auto& loop = io::loop::current();
  bool done = false;
  std::exception_ptr failure;
  {
    scope tasks;
    tasks.spawn(remember_end(std::move(work), done, failure));
    loop.run_until([&] { return done; });
  }
  wait_for_kept(loop);
  if (failure) std::rethrow_exception(failure);
}

}  // namespace detail

void run(std::vector<server> servers) {
  auto& loop = io::loop::current();
  std::size_t open = servers.size();
  bool late = false;
  int signals = 0;
  std::exception_ptr failure;
  {
    scope tasks([&](std::exception_ptr problem) { failure = std::move(problem); });
    for (auto& each : servers) tasks.spawn(serve_to_end(each, open));
    const io::signal_set on_signal({SIGINT, SIGTERM}, [&](int) {
      if (++signals > 1) return;
      io::notify_systemd("STOPPING=1");
      for (auto& each : servers) each.close();
      if (const auto time = time_to_close(servers)) tasks.spawn(set_after(*time, late));
    });
    io::notify_systemd("READY=1");  // not before a signal to stop would be heard
    loop.run_until([&] { return open == 0 || failure || late || signals > 1; });
  }
  if (open == 0) wait_for_kept(loop);
  if (failure) std::rethrow_exception(failure);
}

}  // namespace duplex
