#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <duplex/io/tcp.hpp>

#include "support/loop.hpp"
#include "support/sanitizers.hpp"
#include "support/sockets.hpp"

namespace duplex::io {
namespace {

using namespace std::chrono_literals;
using test::raw_socket;
using test::run_rounds;
using test::run_until;

using streams = std::vector<std::unique_ptr<stream>>;

auto keep_in(streams& to) {
  return [&to](std::unique_ptr<stream> accepted) { to.push_back(std::move(accepted)); };
}

std::string failure(const address& at) {
  try {
    listen_tcp(at);
    return "listening";
  } catch (const std::system_error& e) {
    return e.what();
  }
}

bool is_refused(const address& at) {
  try {
    raw_socket::connected(at);
    return false;
  } catch (const std::system_error& e) {
    return e.code() == std::errc::connection_refused;
  }
}

TEST(listen_tcp, port_zero_is_any_free_one) {
  auto one = listen_tcp({"127.0.0.1", 0});
  auto two = listen_tcp({"127.0.0.1", 0});
  EXPECT_EQ(one->local_address().host, "127.0.0.1");
  EXPECT_NE(one->local_address().port, 0);
  EXPECT_NE(one->local_address().port, two->local_address().port);
}

TEST(listen_tcp, failures_name_the_address) {
  auto taken = listen_tcp({"127.0.0.1", 0});
  const std::string port = std::to_string(taken->local_address().port);
  EXPECT_EQ(failure(taken->local_address()),
            "cannot listen on 127.0.0.1:" + port + ": address already in use");
  EXPECT_EQ(failure({"192.0.2.1", 0}),
            "cannot listen on 192.0.2.1:0: cannot assign requested address");
  EXPECT_EQ(failure({"localhost", 0}), "'localhost' is not a numeric address: invalid argument");
}

TEST(listen_tcp, wildcards_of_both_families_share_a_port) {
  auto ipv4 = listen_tcp({"0.0.0.0", 0});
  const auto port = ipv4->local_address().port;
  auto ipv6 = listen_tcp({"::", port});
  streams by_ipv4, by_ipv6;
  ipv4->start(keep_in(by_ipv4));
  ipv6->start(keep_in(by_ipv6));
  auto one = test::run(connect_tcp("127.0.0.1", port));
  auto two = test::run(connect_tcp("::1", port));
  run_until([&] { return by_ipv4.size() == 1 && by_ipv6.size() == 1; });
  EXPECT_EQ(by_ipv4[0]->remote_address(), one->local_address());
  EXPECT_EQ(by_ipv6[0]->remote_address(), two->local_address());
}

TEST(listen_tcp, address_is_free_again_at_once) {
  auto listener = listen_tcp({"127.0.0.1", 0});
  const auto at = listener->local_address();
  streams accepted;
  listener->start(keep_in(accepted));
  auto client = test::run(connect_tcp(at.host, at.port));
  run_until([&] { return accepted.size() == 1; });
  accepted.clear();  // its side stays in TIME_WAIT
  listener.reset();
  EXPECT_TRUE(is_refused(at)) << "closed before the loop has run";
  EXPECT_EQ(listen_tcp(at)->local_address(), at);
}

TEST(listen_tcp, reuse_port_lets_two_share_an_address) {
  auto one = listen_tcp({"127.0.0.1", 0}, 511, true);
  auto two = listen_tcp(one->local_address(), 511, true);
  streams accepted;
  one->start(keep_in(accepted));
  two->start(keep_in(accepted));
  std::vector<raw_socket> clients;
  for (int i = 0; i < 50; ++i) clients.push_back(raw_socket::connected(one->local_address()));
  run_until([&] { return accepted.size() == 50; });
}

TEST(listener, accepts_those_who_came_before_its_start) {
  auto listener = listen_tcp({"127.0.0.1", 0});
  auto early = raw_socket::connected(listener->local_address());
  run_rounds();
  streams accepted;
  listener->start(keep_in(accepted));
  run_until([&] { return accepted.size() == 1; });
}

TEST(listener, stopped_lets_them_wait_until_its_start) {
  auto listener = listen_tcp({"127.0.0.1", 0});
  streams accepted;
  listener->start(keep_in(accepted));
  auto first = raw_socket::connected(listener->local_address());
  run_until([&] { return accepted.size() == 1; });
  listener->stop();
  listener->stop();
  auto second = raw_socket::connected(listener->local_address());
  run_rounds();
  EXPECT_EQ(accepted.size(), 1u);
  listener->start(keep_in(accepted));
  run_until([&] { return accepted.size() == 2; });
}

TEST(listener, accepts_a_thousand) {
  if (!test::allow_descriptors(2'100)) GTEST_SKIP() << "too few descriptors are allowed here";
  auto listener = listen_tcp({"127.0.0.1", 0});
  streams accepted;
  listener->start(keep_in(accepted));
  std::vector<raw_socket> clients;
  for (int i = 0; i < 1'000; ++i) {
    clients.push_back(raw_socket::connected(listener->local_address()));
    if (i % 100 == 99) run_until([&] { return accepted.size() == clients.size(); });
  }
  EXPECT_EQ(accepted.size(), 1'000u);
}

TEST(listener, may_be_destroyed_by_its_call) {
  auto listener = listen_tcp({"127.0.0.1", 0});
  const auto at = listener->local_address();
  auto one = raw_socket::connected(at), two = raw_socket::connected(at);
  int calls = 0;
  const auto kept = std::make_shared<int>(5);
  listener->start([&, mine = std::shared_ptr<int>(kept)](std::unique_ptr<stream>) {
    listener.reset();
    ++calls;
    EXPECT_EQ(*mine, 5);
  });
  run_until([&] { return calls > 0; });
  run_rounds();
  EXPECT_EQ(calls, 1);
  EXPECT_EQ(kept.use_count(), 1);
  EXPECT_TRUE(is_refused(at));
}

TEST(listener, may_be_stopped_or_given_another_call_by_its_call) {
  auto listener = listen_tcp({"127.0.0.1", 0});
  std::vector<raw_socket> clients;
  for (int i = 0; i < 5; ++i) clients.push_back(raw_socket::connected(listener->local_address()));
  int first = 0, second = 0;
  listener->start([&](std::unique_ptr<stream>) {
    ++first;
    listener->start([&](std::unique_ptr<stream>) {
      if (++second == 2) listener->stop();
    });
  });
  run_until([&] { return second == 2; });
  run_rounds();
  EXPECT_EQ(first, 1);
  EXPECT_EQ(second, 2);
}

TEST(listener, out_of_descriptors_pauses_and_loses_nobody) {
  if (test::checks_virtual_calls)
    GTEST_SKIP() << "the sanitizer's check of virtual calls needs descriptors itself";
  auto listener = listen_tcp({"127.0.0.1", 0});
  std::vector<raw_socket> clients;
  for (int i = 0; i < 10; ++i) clients.push_back(raw_socket::connected(listener->local_address()));
  streams accepted;
  int rounds = 0;
  {
    test::descriptor_shortage shortage(3);
    listener->start(keep_in(accepted));
    run_until([&] { return accepted.size() == 3; });
    // Longer than a pause, so that it is out of descriptors a second time.
    scope tasks;
    tasks.spawn(sleep_for(150ms));
    run_until([&] { return ++rounds, tasks.size() == 0; });
    EXPECT_EQ(accepted.size(), 3u);
    EXPECT_LT(rounds, 20) << "it rests";
  }
  run_until([&] { return accepted.size() == 10; });
  for (auto& each : accepted) EXPECT_EQ(test::try_write(*each, "x"), 1u);
  for (auto& each : clients) {
    char byte = 0;
    EXPECT_EQ(::read(each.number(), &byte, 1), 1);
    EXPECT_EQ(byte, 'x');
  }
}

TEST(listener, destroyed_while_it_pauses_stays_silent) {
  if (test::checks_virtual_calls)
    GTEST_SKIP() << "the sanitizer's check of virtual calls needs descriptors itself";
  auto listener = listen_tcp({"127.0.0.1", 0});
  auto client = raw_socket::connected(listener->local_address());
  {
    test::descriptor_shortage shortage(0);
    listener->start([](std::unique_ptr<stream>) { ADD_FAILURE() << "accepted"; });
    run_rounds();
    listener.reset();
  }
  EXPECT_FALSE(loop::current().next_timer());
}

}  // namespace
}  // namespace duplex::io
