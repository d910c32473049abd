// Tests on a real loop: tasks run to their end, connected streams, and events written down.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <unistd.h>

#include <duplex/coro/scope.hpp>
#include <duplex/coro/task.hpp>
#include <duplex/io/loop.hpp>
#include <duplex/io/stream.hpp>
#include <duplex/io/tcp.hpp>
#include <duplex/io/unix.hpp>

namespace duplex::test {

/// Runs the thread's loop until `done`; a test failure and false where that takes ten seconds.
inline bool run_until(const std::function<bool()>& done,
                      std::chrono::milliseconds longest = std::chrono::seconds(10)) {
  struct alarm final : coro::timer {
    using coro::timer::timer;
    void expired() override {}
  };
  auto& loop = io::loop::current();
  const auto end = loop.now() + longest;
  alarm wake_up(loop);
  wake_up.arm(end);
  bool late = false;
  loop.run_until([&] {
    if (done()) return true;
    return late = loop.now() >= end;
  });
  if (late) ADD_FAILURE() << "the loop has run for " << longest.count() << " ms";
  return !late;
}

/// Lets everything happen that the loop knows of by now, and what follows from it, `rounds` times.
inline void run_rounds(int rounds = 5) {
  for (int i = 0; i < rounds; ++i) {
    bool reached = false;
    io::loop::current().post([&] { reached = true; });
    io::loop::current().run_until([&] { return reached; });
  }
}

/// Runs a task to its end on the thread's loop and gives its result, or throws its exception.
template <class T>
T run(task<T> work) {
  io::loop::current();  // a scope needs one
  std::exception_ptr thrown;
  std::optional<std::conditional_t<std::is_void_v<T>, bool, T>> result;
  scope tasks([&](std::exception_ptr e) { thrown = std::move(e); });
  tasks.spawn([](task<T>& inner, auto& to) -> task<> {
    if constexpr (std::is_void_v<T>) {
      co_await inner;
      to = true;
    } else {
      auto value = co_await inner;
      to.emplace(std::move(value));
    }
  }(work, result));
  if (!run_until([&] { return tasks.size() == 0; })) throw std::runtime_error("the task hangs");
  if (thrown) std::rethrow_exception(thrown);
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

/// Writes down what a stream tells; `at` is called after each event, named as its function.
class recorder final : public io::stream_events {
 public:
  std::function<void(const std::string&)> at = [](const std::string&) {};
  std::string received;
  std::vector<std::string> events;  // without read_space
  std::error_code error;
  std::size_t read_size = 64 * 1024;

  bool saw(const std::string& event) const {
    for (const auto& each : events) {
      if (each == event) return true;
    }
    return false;
  }

 private:
  std::span<std::byte> read_space() override {
    space_.resize(read_size);
    const auto given = std::as_writable_bytes(std::span(space_));
    auto tell = at;  // which may destroy this
    tell("read_space");
    return given;
  }
  void on_data(std::size_t count) override {
    received.append(space_.data(), count);
    note("on_data");
  }
  void on_eof() override { note("on_eof"); }
  void on_error(std::error_code code) override {
    error = code;
    note("on_error");
  }
  void on_written() override { note("on_written"); }
  void note(std::string event) {
    events.push_back(event);
    auto tell = at;
    tell(event);
  }

  std::vector<char> space_;
};

/// Two ends of one connection: TCP over loopback, or with "unix" a unix socket.
struct connected_pair {
  std::unique_ptr<io::stream> client, server;
};

inline connected_pair connect_pair(const std::string& host = "127.0.0.1") {
  connected_pair result;
  const std::string name = "@duplex-test-" + std::to_string(::getpid());
  auto listener = host == "unix" ? io::listen_unix(name) : io::listen_tcp({host, 0});
  listener->start(
      [&](std::unique_ptr<io::stream> accepted) { result.server = std::move(accepted); });
  result.client = host == "unix" ? run(io::connect_unix(name))
                                 : run(io::connect_tcp(host, listener->local_address().port));
  run_until([&] { return result.server != nullptr; });
  return result;
}

inline std::size_t try_write(io::stream& stream, std::string_view text) {
  return stream.try_write({as_bytes(text), {}});
}

/// Before any test the main thread has a loop, which scopes need, and libuv has opened the spare
/// descriptor that comes with its first stream, which tests that count them need.
class loop_environment final : public testing::Environment {
  void SetUp() override { connect_pair(); }
};
inline testing::Environment* const has_loop =
    testing::AddGlobalTestEnvironment(new loop_environment);

}  // namespace duplex::test
