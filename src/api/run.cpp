// Driving the loop of the calling thread until something is done.
#include <csignal>
#include <duplex/coro/scope.hpp>
#include <duplex/io/loop.hpp>
#include <duplex/io/signals.hpp>
#include <duplex/io/systemd.hpp>
#include <duplex/run.hpp>
#include <exception>

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

task<> serve_to_end(server& server) {
  co_await server.serve_forever();
  co_await server.wait_closed();
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

void run(server server) {
  auto& loop = io::loop::current();
  bool closed = false, late = false;
  int signals = 0;
  std::exception_ptr failure;
  {
    scope tasks;
    tasks.spawn(remember_end(serve_to_end(server), closed, failure));
    const io::signal_set on_signal({SIGINT, SIGTERM}, [&](int) {
      if (++signals > 1) return;
      io::notify_systemd("STOPPING=1");
      server.close();
      if (const auto time = server.options().close_timeout) tasks.spawn(set_after(2 * *time, late));
    });
    io::notify_systemd("READY=1");  // not before a signal to stop would be heard
    loop.run_until([&] { return closed || late || signals > 1; });
  }
  if (closed) wait_for_kept(loop);
  if (failure) std::rethrow_exception(failure);
}

}  // namespace duplex
