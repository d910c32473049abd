// What tests of connections share: driving the loop, naming failures, reading frames.
#pragma once

#include <chrono>
#include <cstddef>
#include <exception>
#include <functional>
#include <list>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <duplex/connection.hpp>
#include <duplex/coro/scope.hpp>
#include <duplex/coro/wait.hpp>
#include <duplex/error.hpp>
#include <duplex/io/loop.hpp>
#include <duplex/protocol/frame.hpp>

#include "api/connection_impl.hpp"
#include "support/memory_stream.hpp"
#include "support/protocol.hpp"

namespace duplex::test {

using namespace std::chrono_literals;
using protocol::side;
using protocol::state;

/// Runs the loop until the condition holds; false after twenty seconds.
inline bool run_loop_until(const std::function<bool()>& done) {
  struct alarm final : coro::timer {
    using timer::timer;
    void expired() override { rang = true; }
    bool rang = false;
  };
  auto& loop = io::loop::current();
  alarm late(loop);
  late.arm(loop.now() + 20s);
  loop.run_until([&] { return done() || late.rang; });
  return !late.rang;
}

/// Coroutines of a test, and the functions they run in, which must outlive them.
class test_scope {
 public:
  using function = std::function<task<>()>;

  void start(function work) {
    works_.push_back(std::move(work));
    tasks_.spawn(works_.back()());
  }
  std::size_t running() const { return tasks_.size(); }
  /// What left a coroutine that was started; by value, as most tests expect none.
  const std::vector<std::string>& failures() const { return failures_; }

 private:
  [[maybe_unused]] io::loop& loop_ = io::loop::current();  // a scope belongs to one
  std::list<function> works_;
  std::vector<std::string> failures_;
  scope tasks_{[this](std::exception_ptr exception) {
    try {
      std::rethrow_exception(std::move(exception));
    } catch (const std::exception& problem) {
      failures_.emplace_back(problem.what());
    }
    ADD_FAILURE() << "a coroutine of the test failed: " << failures_.back();
  }};
};

/// Runs what was posted to the loop so far.
inline void run_posted() {
  bool reached = false;
  io::loop::current().post([&reached] { reached = true; });
  EXPECT_TRUE(run_loop_until([&reached] { return reached; }));
}

/// Runs a coroutine to its end on the loop; fails the test where it throws or takes too long.
inline void run_test(test_scope::function work) {
  test_scope tasks;
  tasks.start(std::move(work));
  EXPECT_TRUE(run_loop_until([&] { return tasks.running() == 0; })) << "the test takes too long";
}

/// An exception in words: its kind and what it says.
inline std::string describe(std::exception_ptr exception) {
  if (!exception) return "none";
  try {
    std::rethrow_exception(std::move(exception));
  } catch (const connection_closed_ok& problem) {
    return std::string("closed ok: ") + problem.what();
  } catch (const connection_closed_error& problem) {
    return std::string("closed error: ") + problem.what();
  } catch (const timeout& problem) {
    return std::string("timeout: ") + problem.what();
  } catch (const concurrency_error& problem) {
    return std::string("concurrency: ") + problem.what();
  } catch (const invalid_status& problem) {
    return std::string("invalid status: ") + problem.what();
  } catch (const invalid_message& problem) {
    return std::string("invalid message: ") + problem.what();
  } catch (const invalid_header& problem) {
    return std::string("invalid header: ") + problem.what();
  } catch (const tls_error& problem) {
    return std::string("tls: ") + problem.what();
  } catch (const security_error& problem) {
    return std::string("security: ") + problem.what();
  } catch (const proxy_error& problem) {
    return std::string("proxy: ") + problem.what();
  } catch (const invalid_proxy& problem) {
    return std::string("invalid proxy: ") + problem.what();
  } catch (const negotiation_error& problem) {
    return std::string("negotiation: ") + problem.what();
  } catch (const invalid_uri& problem) {
    return std::string("invalid uri: ") + problem.what();
  } catch (const std::invalid_argument& problem) {
    return std::string("invalid argument: ") + problem.what();
  } catch (const std::bad_alloc&) {
    return "no memory";
  } catch (const std::system_error& problem) {
    if (problem.code() == std::errc::operation_canceled) return "canceled";
    return std::string("system: ") + problem.what();
  } catch (const std::exception& problem) {
    return std::string("other: ") + problem.what();
  }
}

/// What a coroutine throws, in words.
template <class Function>
task<std::string> failure_of(Function function) {
  std::exception_ptr exception;
  try {
    co_await function();
  } catch (...) {
    exception = std::current_exception();
  }
  co_return describe(exception);
}

/// What a call throws, in words.
inline std::string failure_now(const std::function<void()>& function) {
  try {
    function();
  } catch (...) {
    return describe(std::current_exception());
  }
  return "none";
}

/// Lets everyone else who is ready run.
inline task<> pass() {
  coro::yield turn(coro::executor::current());
  co_await turn;
}

/// The frames in bytes that `from` sent, in words: "text hello", "close 1000 bye", "pong x".
inline std::vector<std::string> frames_of(std::string_view bytes, side from) {
  std::vector<std::string> frames;
  while (!bytes.empty()) {
    const auto [header, size, problem] = protocol::parse_frame_header(as_bytes(bytes), from);
    if (size == 0 || bytes.size() - size < header.length) {
      frames.push_back("cut " + problem);
      return frames;
    }
    std::string payload(bytes.substr(size, header.length));
    bytes.remove_prefix(size + header.length);
    for (std::size_t i = 0; header.mask && i < payload.size(); ++i) {
      payload[i] = static_cast<char>(payload[i] ^ static_cast<char>((*header.mask)[i % 4]));
    }
    switch (header.opcode) {
      case protocol::opcode::continuation:
        frames.push_back("continuation " + payload);
        break;
      case protocol::opcode::text:
        frames.push_back("text " + payload);
        break;
      case protocol::opcode::binary:
        frames.push_back("binary " + payload);
        break;
      case protocol::opcode::ping:
        frames.push_back("ping " + payload);
        break;
      case protocol::opcode::pong:
        frames.push_back("pong " + payload);
        break;
      case protocol::opcode::close:
        frames.push_back("close");
        if (payload.size() >= 2) {
          const auto byte = [&](int i) { return static_cast<unsigned char>(payload[i]); };
          frames.back() += " " + std::to_string(byte(0) << 8 | byte(1));
        }
        if (payload.size() > 2) frames.back() += " " + payload.substr(2);
    }
  }
  return frames;
}

inline std::string text_frame(side from, std::string payload) {
  return to_wire(from, wire_frame{.opcode = 1, .payload = std::move(payload)});
}
inline std::string ping_frame(side from, std::string payload = {}) {
  return to_wire(from, wire_frame{.opcode = 9, .payload = std::move(payload)});
}
inline std::string pong_frame(side from, std::string payload = {}) {
  return to_wire(from, wire_frame{.opcode = 10, .payload = std::move(payload)});
}
inline std::string close_frame(side from, unsigned code, std::string_view reason = {}) {
  return to_wire(from, wire_frame{.opcode = 8, .payload = close_payload(code, reason)});
}

/// A connection on a stream in memory, a server's unless told otherwise, and its scripted peer.
class memory_connection {
 public:
  struct options {
    protocol::side side = protocol::side::server;
    protocol::connection_settings settings = {.ping_interval = {}, .ping_timeout = {}};
    water_marks max_queue = 32;
    std::size_t bytes_max = std::size_t{4} << 20;
    water_marks write_limit = std::size_t{1} << 16;
    std::size_t read_limit = std::size_t{1} << 16;
    std::string rest = {};  ///< came with the handshake
  };

  memory_connection() : memory_connection(options{}) {}
  explicit memory_connection(options with) : side_(with.side), ws_(open(peer, std::move(with))) {}
  ~memory_connection() {
    // Nothing lingers from one test to the next.
    if (ws_) ws_->abort();
  }

  connection& ws() { return *ws_; }
  /// Destroys the connection.
  void drop() { ws_.reset(); }
  protocol::side far_side() const { return peer_of(side_); }

  void start(test_scope::function work) { tasks.start(std::move(work)); }
  /// Queues what the peer sends and lets it arrive.
  void feed(std::string_view bytes, std::size_t chunk = memory_peer::unlimited) {
    peer.send(bytes, chunk);
    peer.pump();
  }
  void feed_text(std::string payload) { feed(text_frame(far_side(), std::move(payload))); }
  /// The frames written since the last call.
  std::vector<std::string> frames() {
    peer.pump();
    return frames_of(peer.take(), side_);
  }
  /// Runs the loop, and what the peer has scripted, until the condition holds.
  bool run_until(const std::function<bool()>& done) {
    return run_loop_until([&] {
      peer.pump();
      return done();
    });
  }

  memory_peer peer;

 private:
  static connection open(memory_peer& peer, options with) {
    auto impl = std::make_shared<detail::connection_impl>(
        peer.make_stream(), with.side, with.settings,
        inbox(with.max_queue, with.bytes_max, with.read_limit), with.write_limit, with.read_limit);
    return detail::connection_impl::open(std::move(impl), {}, as_bytes(with.rest));
  }

  protocol::side side_;
  std::optional<connection> ws_;

 public:
  test_scope tasks;  // last: its coroutines use the connection
};

/// Sends back everything, until the end.
inline task<> echo(connection& ws) {
  while (auto message = co_await ws.next()) co_await ws.send(*message);
}

}  // namespace duplex::test
