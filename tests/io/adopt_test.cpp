#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <duplex/io/listener.hpp>
#include <duplex/io/stream.hpp>
#include <duplex/io/tcp.hpp>

#include "net/sockaddr.hpp"
#include "support/loop.hpp"
#include "support/sockets.hpp"

namespace duplex::io {
namespace {

using test::raw_socket;

// A listening socket made by hand, which blocks and is kept on exec.
int make_listening() {
  const auto at = net::to_sockaddr({"127.0.0.1", 0});
  const int made = ::socket(AF_INET, SOCK_STREAM, 0);
  EXPECT_EQ(::bind(made, at.get(), at.size), 0);
  EXPECT_EQ(::listen(made, 10), 0);
  return made;
}

template <class Function>
std::string refusal(Function function) {
  try {
    function();
    return "taken";
  } catch (const std::invalid_argument& e) {
    return e.what();
  }
}

bool is_open(int number) { return ::fcntl(number, F_GETFD) >= 0; }

TEST(adopt_listeners, accept_as_our_own_do) {
  const int one = make_listening(), two = make_listening();
  auto listeners = adopt_listeners(std::vector{one, two});
  ASSERT_EQ(listeners.size(), 2u);
  EXPECT_EQ(::fcntl(one, F_GETFD), FD_CLOEXEC);
  std::vector<std::unique_ptr<stream>> accepted;
  for (auto& each : listeners) {
    each->start([&](std::unique_ptr<stream> s) { accepted.push_back(std::move(s)); });
    auto client = test::run(connect_tcp("127.0.0.1", each->local_address().port));
    EXPECT_EQ(client->remote_address(), each->local_address());
  }
  test::run_until([&] { return accepted.size() == 2; });
  listeners.clear();
  EXPECT_FALSE(is_open(one));
  EXPECT_FALSE(is_open(two));
}

TEST(adopt_listeners, refuse_and_leave_alone_what_does_not_listen) {
  const raw_socket good(make_listening());
  const raw_socket unbound(::socket(AF_INET, SOCK_STREAM, 0));
  const raw_socket datagrams(::socket(AF_INET, SOCK_DGRAM, 0));
  const raw_socket file(::open("/dev/null", O_RDONLY));
  const struct {
    int wrong;
    const char* because;
  } cases[] = {{unbound.number(), "not listening"},
               {datagrams.number(), "no stream socket"},
               {file.number(), "no socket"},
               {-1, "not open"}};
  for (const auto& [wrong, because] : cases) {
    EXPECT_EQ(
        refusal([&, given = wrong] {
          adopt_listeners(std::vector{good.number(), given});
        }),
        "sock must be a listening socket, got " + std::to_string(wrong) + ", which is " + because);
  }
  EXPECT_EQ(refusal([&] {
              adopt_listeners(std::vector{good.number(), good.number()});
            }),
            "sock must be different sockets, got " + std::to_string(good.number()) + " twice");
  for (const auto* each : {&good, &unbound, &datagrams, &file}) {
    EXPECT_TRUE(is_open(each->number()));
  }
}

TEST(adopt_stream, carries_bytes_and_closes_its_socket) {
  int ends[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
  const raw_socket peer(ends[1]);
  auto adopted = adopt_stream(ends[0]);
  test::recorder events;
  adopted->set_events(&events);
  adopted->start_reading();
  EXPECT_EQ(test::try_write(*adopted, "out"), 3u);
  char bytes[3];
  EXPECT_EQ(::read(peer.number(), bytes, 3), 3);
  EXPECT_EQ(::write(peer.number(), "in", 2), 2);
  test::run_until([&] { return events.received == "in"; });
  EXPECT_EQ(to_string(adopted->remote_address()), "unix:");
  adopted.reset();
  EXPECT_EQ(::read(peer.number(), bytes, 1), 0);
  test::run_rounds();
  EXPECT_FALSE(is_open(ends[0]));
}

TEST(adopt_stream, refuses_and_leaves_alone_what_is_not_connected) {
  const raw_socket listening(make_listening());
  const raw_socket fresh(::socket(AF_INET6, SOCK_STREAM, 0));
  EXPECT_EQ(refusal([&] { adopt_stream(listening.number()); }),
            "sock must be a connected socket, got " + std::to_string(listening.number()) +
                ", which is a listening one");
  EXPECT_EQ(refusal([&] { adopt_stream(fresh.number()); }),
            "sock must be a connected socket, got " + std::to_string(fresh.number()) +
                ", which is not connected");
  EXPECT_TRUE(is_open(listening.number()));
  EXPECT_TRUE(is_open(fresh.number()));
}

}  // namespace
}  // namespace duplex::io
