#include "io/tcp_connect.hpp"

#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include <duplex/error.hpp>

#include "support/loop.hpp"
#include "support/sanitizers.hpp"
#include "support/sockets.hpp"

namespace duplex::io {
namespace {

using namespace std::chrono_literals;
using test::blackhole;

// Accepts and keeps.
class server {
 public:
  explicit server(const std::string& host) : listener_(listen_tcp({host, 0})) {
    listener_->start([this](std::unique_ptr<stream> s) { accepted_.push_back(std::move(s)); });
  }
  address at() const { return listener_->local_address(); }
  std::size_t count() const { return accepted_.size(); }

 private:
  std::unique_ptr<listener> listener_;
  std::vector<std::unique_ptr<stream>> accepted_;
};

// Where nobody listens.
address closed_port(const std::string& host) { return listen_tcp({host, 0})->local_address(); }

std::string failure(task<std::unique_ptr<stream>> connecting, std::error_code* code = nullptr) {
  try {
    test::run(std::move(connecting));
    return "connected";
  } catch (const std::system_error& e) {
    if (code) *code = e.code();
    return e.what();
  } catch (const timeout& e) {
    return std::string("timeout: ") + e.what();
  }
}

TEST(connect_tcp, connects_by_address_and_by_name) {
  server there("127.0.0.1");
  for (const char* host : {"127.0.0.1", "localhost"}) {
    auto stream = test::run(connect_tcp(host, there.at().port, address_family::ipv4));
    EXPECT_EQ(stream->remote_address(), there.at());
  }
  test::run_until([&] { return there.count() == 2; });
}

TEST(connect_tcp, refused_names_host_and_port) {
  const address nobody = closed_port("127.0.0.1");
  std::error_code code;
  EXPECT_EQ(failure(connect_tcp("127.0.0.1", nobody.port), &code),
            "cannot connect to 127.0.0.1:" + std::to_string(nobody.port) + ": connection refused");
  EXPECT_EQ(code, std::error_code(ECONNREFUSED, std::system_category()));
}

TEST(connect_tcp, unknown_name_is_the_resolvers_failure) {
  EXPECT_EQ(failure(connect_tcp("::1", 80, address_family::ipv4)),
            "cannot resolve '::1': address family for hostname not supported");
}

TEST(connect_tcp, past_its_deadline_throws_timeout) {
  blackhole nowhere;
  const auto start = coro::clock::now();
  EXPECT_EQ(failure(connect_tcp("127.0.0.1", nowhere.at().port, address_family::any, 50ms)),
            "timeout: connecting to 127.0.0.1:" + std::to_string(nowhere.at().port) + " timed out");
  EXPECT_GE(coro::clock::now() - start, 50ms);
}

TEST(connect_tcp, stopped_by_another_thread_throws_canceled) {
  blackhole nowhere;
  std::stop_source stop;
  std::thread stopper([&] { stop.request_stop(); });
  std::error_code code;
  failure(connect_tcp("127.0.0.1", nowhere.at().port, address_family::any, stop.get_token()),
          &code);
  stopper.join();
  EXPECT_EQ(code, std::errc::operation_canceled);
}

TEST(connect_tcp, frame_destroyed_meanwhile_closes_its_sockets) {
  blackhole nowhere;
  test::run_rounds();
  const int before = test::open_descriptors();
  for (int i = 0; i < 20; ++i) {
    scope tasks;
    tasks.spawn([](std::uint16_t port) -> task<> {
      auto stream = co_await connect_tcp("127.0.0.1", port);
      ADD_FAILURE() << "connected";
    }(nowhere.at().port));
    test::run_rounds(i % 4);
  }
  test::run_rounds();
  EXPECT_EQ(test::open_descriptors(), before);
}

TEST(connect_tcp, frame_destroyed_while_others_connect_does_not_disturb_them) {
  server there("127.0.0.1");
  for (int rounds = 0; rounds < 6; ++rounds) {
    auto lost = std::make_unique<scope>();
    lost->spawn([](std::uint16_t port) -> task<> {
      auto stream = co_await connect_tcp("127.0.0.1", port);
    }(there.at().port));
    test::run_rounds(rounds);
    lost.reset();
    auto stream = test::run(connect_tcp("127.0.0.1", there.at().port));
    EXPECT_NE(stream, nullptr);
  }
}

TEST(connect_tcp, comes_from_the_local_address_asked_for) {
  server there("127.0.0.1");
  auto stream = test::run(
      connect_tcp("localhost", there.at().port, address_family::any, {}, address{"127.0.0.2", 0}));
  EXPECT_EQ(stream->local_address().host, "127.0.0.2");
  const auto free = closed_port("127.0.0.3");
  auto second = test::run(connect_tcp("localhost", there.at().port, address_family::any, {}, free));
  EXPECT_EQ(second->local_address(), free);
}

TEST(connect_tcp, local_address_of_another_machine_is_a_failure_that_names_it) {
  server there("127.0.0.1");
  EXPECT_EQ(failure(connect_tcp("127.0.0.1", there.at().port, address_family::any, {},
                                address{"192.0.2.1", 0})),
            "cannot connect to 127.0.0.1:" + std::to_string(there.at().port) +
                " from 192.0.2.1: cannot assign requested address");
}

TEST(connect_any, goes_on_at_once_where_an_address_refuses) {
  server there("::1");
  std::vector<address> addresses(8, closed_port("::1"));
  addresses.push_back(there.at());
  const auto start = coro::clock::now();
  auto stream = test::run(connect_any(addresses, "nine"));
  EXPECT_EQ(stream->remote_address(), there.at());
  EXPECT_LT(coro::clock::now() - start, 8 * 250ms);
}

TEST(connect_any, goes_on_after_250_ms_where_an_address_is_silent) {
  blackhole nowhere;
  server there("::1");
  test::run_rounds();
  const int before = test::open_descriptors();
  const auto start = coro::clock::now();
  {
    auto stream = test::run(connect_any({nowhere.at(), there.at()}, "two"));
    EXPECT_EQ(stream->remote_address(), there.at());
    EXPECT_GE(coro::clock::now() - start, 250ms);
    test::run_until([&] { return there.count() == 1; });
    test::run_rounds();
    EXPECT_EQ(test::open_descriptors(), before + 2) << "the silent attempt is closed";
  }
}

TEST(connect_any, families_take_turns) {
  blackhole first, second, third;
  server there("::1");
  const auto start = coro::clock::now();
  auto stream = test::run(connect_any({first.at(), second.at(), third.at(), there.at()}, "four"));
  EXPECT_EQ(stream->remote_address(), there.at());
  EXPECT_LT(coro::clock::now() - start, 750ms) << "the other family is second, not fourth";
}

TEST(connect_any, silent_attempt_is_waited_for_after_the_others_failed) {
  blackhole nowhere;
  std::error_code code;
  EXPECT_EQ(failure(connect_any({nowhere.at(), closed_port("::1")}, "two", 400ms), &code),
            "timeout: connecting to two timed out");
}

TEST(connect_any, fails_with_the_last_failure) {
  std::error_code code;
  // The system refuses to connect to the broadcast address (RFC 919), and says so at once.
  const address refused = closed_port("::1"), impossible = {"255.255.255.255", 80};
  EXPECT_EQ(failure(connect_any({impossible, refused}, "two"), &code),
            "cannot connect to two: connection refused");
  EXPECT_EQ(code, std::errc::connection_refused);
  EXPECT_EQ(failure(connect_any({refused, impossible}, "two"), &code),
            "cannot connect to two: network is unreachable");
  EXPECT_EQ(code, std::errc::network_unreachable);
}

TEST(connect_any, out_of_descriptors_is_an_error) {
  if (test::checks_virtual_calls)
    GTEST_SKIP() << "the sanitizer's check of virtual calls needs descriptors itself";
  server there("127.0.0.1");
  loop::current();
  std::error_code code;
  std::string text;
  {
    test::descriptor_shortage shortage(0);
    text = failure(connect_any({there.at(), there.at()}, "here"), &code);
  }
  EXPECT_EQ(text, "cannot connect to here: too many open files");
  EXPECT_EQ(code, std::errc::too_many_files_open);
}

}  // namespace
}  // namespace duplex::io
