// Running a server or a coroutine to its end on the calling thread's loop.
#pragma once

#include <concepts>
#include <optional>
#include <utility>
#include <vector>

#include <duplex/coro/task.hpp>
#include <duplex/server.hpp>

namespace duplex {

namespace detail {
void run_to_end(task<> task);

template <class T>
task<> keep_result(task<T> task, std::optional<T>& result) {
  result.emplace(co_await std::move(task));
}
}  // namespace detail

/// Serves until SIGINT or SIGTERM; then says 1001 to everyone and waits for the handlers,
/// for at most twice close_timeout, the longest of them. A second signal drops what is left. Tells
/// systemd, where it has asked, that the service is ready, and that it stops (sd_notify(3)).
/// Returns once all servers are closed, by a signal or otherwise.
void run(std::vector<server> servers);

/// The same of one server, or of several: run(serve(site, ...), serve(metrics, ...)).
template <std::same_as<server>... More>
void run(server first, More... more) {
  std::vector<server> all;
  all.reserve(1 + sizeof...(more));
  all.push_back(std::move(first));
  (all.push_back(std::move(more)), ...);
  run(std::move(all));
}

/// Runs a coroutine to its end and gives its result or throws its exception. Connections still
/// closing in the background are waited for, each for at most its close_timeout.
template <class T>
T run(task<T> task) {
  if constexpr (std::is_void_v<T>) {
    detail::run_to_end(std::move(task));
  } else {
    std::optional<T> result;
    detail::run_to_end(detail::keep_result(std::move(task), result));
    return std::move(*result);
  }
}

}  // namespace duplex
