// What happens to a connection while its owner is busy elsewhere: the service thread's work.
#include <duplex/sync/client.hpp>

#include <poll.h>
#include <sys/socket.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "support/event.hpp"
#include "support/raw_server.hpp"

namespace {

using namespace std::chrono_literals;
using duplex::close_info;
using duplex::protocol::state;
using duplex::sync::client_connection;
using duplex::sync::connect;
using duplex::test::event;
using duplex::test::raw_peer;
using duplex::test::raw_server;
using clock = std::chrono::steady_clock;
using event_type = duplex::protocol::event::type;

std::ptrdiff_t threads_of_this_process() {
  const std::filesystem::directory_iterator tasks("/proc/self/task");
  return std::distance(begin(tasks), end(tasks));
}

// Until the client has answered `count` pings, one after the other. What else it sends is dropped.
void ping(raw_peer& peer, int count) {
  for (int i = 0; i < count; ++i) {
    peer.core().send_ping(duplex::as_bytes(std::to_string(i)), clock::now());
    peer.flush();
    while (peer.next_event().value().kind != event_type::pong) continue;
  }
}

TEST(SyncAway, PingsAreAnsweredWithinASecond) {
  event answered;
  std::chrono::steady_clock::duration longest{};
  const raw_server server([&](raw_peer& peer) {
    peer.accept_handshake();
    for (int i = 0; i < 5; ++i) {
      const auto start = clock::now();
      ping(peer, 1);
      longest = std::max(longest, clock::now() - start);
    }
    answered.set();
    peer.echo();
  });
  auto ws = connect(server.uri());
  answered.wait();
  EXPECT_LT(longest, 1s);
  ws.send("still here");
  EXPECT_EQ(ws.recv().text(), "still here");
}

TEST(SyncAway, PingBehindAMessageThatRecvTookIsAnsweredToo) {
  event answered;
  const raw_server server([&](raw_peer& peer) {
    peer.accept_handshake();
    peer.core().send(duplex::message::type::text, duplex::as_bytes("work for a while"));
    ping(peer, 1);  // leaves in the same write
    answered.set();
    peer.echo();
  });
  auto ws = connect(server.uri());
  EXPECT_EQ(ws.recv().text(), "work for a while");
  answered.wait();
}

TEST(SyncAway, OwnerThatOnlySendsIsAwayToo) {
  std::atomic<bool> answered = false;
  const raw_server server([&](raw_peer& peer) {
    peer.accept_handshake();
    ping(peer, 3);
    answered = true;
    peer.echo();
  });
  auto ws = connect(server.uri(), {.max_queue = std::nullopt});
  while (!answered) ws.send("more");
}

TEST(SyncAway, KeepaliveIsKeptUpAndTheConnectionWithIt) {
  event enough;
  const raw_server server([&](raw_peer& peer) {
    peer.accept_handshake();
    for (int pings = 0; pings < 25;) {
      pings += peer.next_event().value().kind == event_type::ping;
    }
    enough.set();
    peer.echo();
  });
  auto ws = connect(server.uri(), {.ping_interval = 50ms, .ping_timeout = 1s});
  enough.wait();
  EXPECT_TRUE(ws.latency());
  ws.send("still here");
  EXPECT_EQ(ws.recv().text(), "still here");
}

TEST(SyncAway, SilentServerIsGivenUpAndTheOwnerFindsOut) {
  event closed;
  const raw_server server([&](raw_peer& peer) {
    peer.accept_handshake();
    // Nothing is answered, but the close frame is seen.
    std::string bytes;
    while (bytes.find('\x88') == std::string::npos) bytes += peer.read_some();
    closed.set();
    while (!peer.read_some().empty()) continue;
  });
  auto ws = connect(server.uri(), {.ping_interval = 20ms, .ping_timeout = 60ms});
  closed.wait();
  EXPECT_THROW(ws.recv(), duplex::connection_closed_error);
}

TEST(SyncAway, MessagesAndCloseAreThereAfterwards) {
  std::optional<close_info> rcvd;
  event closed;
  const raw_server server([&](raw_peer& peer) {
    peer.accept_handshake();
    peer.send("one");
    peer.send("two");
    peer.finish(4000, "done");
    rcvd = peer.core().close_rcvd();
    closed.set();
  });
  auto ws = connect(server.uri());
  closed.wait();
  EXPECT_EQ(rcvd, (close_info{4000, "done"}));
  EXPECT_EQ(ws.recv().text(), "one");
  EXPECT_EQ(ws.recv().text(), "two");
  EXPECT_THROW(ws.recv(), duplex::connection_closed_error);
  EXPECT_EQ(ws.close_code(), 4000);
}

// Sends texts of the size until the client has taken nothing for a while; gives how many were
// begun. The rest of the last is left unsent.
int send_until_refused(raw_peer& peer, std::size_t size, std::string& rest) {
  for (int count = 1;; ++count) {
    std::string frame("\x82\x7F\0\0\0\0", 6);
    for (int shift = 24; shift >= 0; shift -= 8) {
      frame += static_cast<char>(size >> shift & 0xFF);
    }
    frame.append(size, static_cast<char>('a' + count % 26));
    for (std::string_view left = frame; !left.empty();) {
      pollfd room{.fd = peer.socket(), .events = POLLOUT, .revents = 0};
      if (poll(&room, 1, 1500) == 0) {
        rest = left;
        return count;
      }
      const auto sent =
          ::send(peer.socket(), left.data(), left.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
      if (sent < 0 && errno != EAGAIN) throw std::runtime_error("the client left");
      if (sent > 0) left.remove_prefix(static_cast<std::size_t>(sent));
    }
  }
}

TEST(SyncAway, ReadingStopsAtTheLimitsOfTheInboxAndGoesOnWithTheOwner) {
  constexpr std::size_t size = 1'000'000;
  std::atomic<int> count = 0;
  event refused;
  const raw_server server([&](raw_peer& peer) {
    peer.accept_handshake();
    std::string rest;
    count = send_until_refused(peer, size, rest);
    refused.set();
    peer.write(rest);
    peer.echo();
  });
  // Keepalive must not take for silence what is the owner's own doing.
  auto ws = connect(server.uri(), {.ping_interval = 50ms, .ping_timeout = 1s, .max_queue = 8});
  refused.wait();
  EXPECT_EQ(ws.state(), state::open);
  EXPECT_LT(count, 40);  // four messages and what the system buffers
  for (int i = 1; i <= count; ++i) {
    const auto message = ws.recv();
    ASSERT_EQ(message.size(), size);
    EXPECT_EQ(message.text().back(), 'a' + i % 26);
  }
  ws.send("still here");
  EXPECT_EQ(ws.recv().text(), "still here");
}

TEST(SyncAway, ReaderAtWorkIsLeftAloneAndFoundAgainAfterwards) {
  event answered;
  const raw_server server([&](raw_peer& peer) {
    peer.accept_handshake();
    for (int i = 0; i < 2000; ++i) {
      if (!peer.receive()) return;
      peer.send("ack");
    }
    ping(peer, 3);
    answered.set();
    peer.echo();
  });
  auto ws = connect(server.uri());
  for (int i = 0; i < 2000; ++i) {
    ws.send("work");
    EXPECT_EQ(ws.recv().text(), "ack");
  }
  answered.wait();
}

TEST(SyncAway, ReaderThatWaitedForLongIsMissedAfterwards) {
  event answered;
  const raw_server server([&](raw_peer& peer) {
    peer.accept_handshake();
    pollfd nothing{.fd = peer.socket(), .events = POLLIN, .revents = 0};
    EXPECT_EQ(poll(&nothing, 1, 300), 0);  // the client has time to settle into its recv
    peer.send("at last");
    ping(peer, 3);
    answered.set();
    peer.echo();
  });
  auto ws = connect(server.uri());
  EXPECT_EQ(ws.recv().text(), "at last");
  answered.wait();
}

TEST(SyncAway, OneThreadServesAllAndEndsWithTheLast) {
  std::thread([] {}).join();  // with the first thread, ThreadSanitizer starts one of its own
  const auto before = threads_of_this_process();
  {
    std::atomic<int> answered = 0;
    event all;
    auto script = [&](raw_peer& peer) {
      peer.accept_handshake();
      ping(peer, 2);
      if (++answered == 4) all.set();
      peer.echo();
    };
    const raw_server servers[] = {raw_server(script), raw_server(script), raw_server(script),
                                  raw_server(script)};
    std::vector<client_connection> connections;
    for (const auto& server : servers) connections.push_back(connect(server.uri()));
    all.wait();
    EXPECT_EQ(threads_of_this_process(), before + 4 + 1);
    connections.pop_back();
    EXPECT_EQ(threads_of_this_process(), before + 4 + 1);
    connections.clear();
    EXPECT_EQ(threads_of_this_process(), before + 4);
  }
}

// In a process of its own: a connection that is destroyed after everything else. The script ends
// the process.
void exit_with_an_open_connection(const raw_server::script& script) {
  static const raw_server server(script);
  static std::optional<client_connection> kept;  // older than the service
  kept = connect(server.uri(), {.close_timeout = 100ms});
  std::exit(2);
}

TEST(SyncAwayDeathTest, ConnectionThatOutlivesMainIsClosedWith1000) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  auto script = [](raw_peer& peer) {
    peer.accept_handshake();
    while (peer.next_event()) continue;
    std::_Exit(peer.core().close_rcvd() == close_info{1000, ""} ? 0 : 1);
  };
  EXPECT_EXIT(exit_with_an_open_connection(script), testing::ExitedWithCode(0), "");
}

TEST(SyncAwayDeathTest, ConnectionThatOutlivesMainGivesUpASilentServer) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  auto script = [](raw_peer& peer) {
    peer.accept_handshake();
    while (!peer.read_some().empty()) continue;  // also the close frame, unanswered
    std::_Exit(0);
  };
  EXPECT_EXIT(exit_with_an_open_connection(script), testing::ExitedWithCode(0), "");
}

}  // namespace
