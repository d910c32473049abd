// Waits that are given up, by time or by a stop token, and what they leave behind.
#include <duplex/sync/client.hpp>

#include <algorithm>
#include <stop_token>
#include <string>
#include <system_error>
#include <thread>

#include <gtest/gtest.h>

#include "support/event.hpp"
#include "support/raw_server.hpp"

namespace {

using namespace std::chrono_literals;
using duplex::sync::connect;
using duplex::test::event;
using duplex::test::raw_peer;
using duplex::test::raw_server;
using clock = std::chrono::steady_clock;

void echo(raw_peer& peer) {
  peer.accept_handshake();
  peer.echo();
}

template <class Call>
void expect_canceled(Call call) {
  try {
    call();
    FAIL() << "not canceled";
  } catch (const std::system_error& canceled) {
    EXPECT_EQ(canceled.code(), std::errc::operation_canceled);
  }
}

// A script that reads nothing after the handshake until it is told, and then sends everything back.
class held_server {
 public:
  raw_server server{[this](raw_peer& peer) {
    peer.accept_handshake();
    go.wait();
    peer.echo();
  }};
  event go;
};

// More than the buffers of both sides' systems hold.
const std::string& large_text() {
  static const std::string text(std::size_t{32} << 20, 'x');
  return text;
}

TEST(SyncLimit, RecvTimesOutAndTheNextMessageStillComes) {
  const raw_server server(echo);
  auto ws = connect(server.uri());
  const auto start = clock::now();
  EXPECT_THROW(ws.recv(30ms), duplex::timeout);
  EXPECT_GE(clock::now() - start, 30ms);
  EXPECT_LT(clock::now() - start, 5s);
  ws.send("after");
  EXPECT_EQ(ws.recv(10s).text(), "after");
  EXPECT_THROW(ws.next(10ms), duplex::timeout);
  ws.send("again");
  EXPECT_EQ(ws.next()->text(), "again");
}

TEST(SyncLimit, PastDeadlineStillGivesWhatHasCome) {
  const raw_server server([](raw_peer& peer) {
    peer.accept_handshake();
    peer.core().send(duplex::message::type::text, duplex::as_bytes("one"));
    peer.core().send(duplex::message::type::text, duplex::as_bytes("two"));
    peer.echo();
  });
  auto ws = connect(server.uri());
  ws.ping();  // both are there
  EXPECT_EQ(ws.recv(0ms).text(), "one");
  EXPECT_EQ(ws.recv(clock::now() - 1s).text(), "two");
  EXPECT_THROW(ws.recv(0ms), duplex::timeout);
  EXPECT_THROW(ws.recv(-1h), duplex::timeout);
}

TEST(SyncLimit, PastDeadlineReadsTheSocketOnce) {
  event sent;
  const raw_server server([&](raw_peer& peer) {
    peer.accept_handshake();
    peer.send("there");
    sent.set();
    peer.echo();
  });
  auto ws = connect(server.uri());
  sent.wait();
  EXPECT_EQ(ws.recv(0ms).text(), "there");
}

TEST(SyncLimit, StopTokenEndsABlockedRecv) {
  const raw_server server(echo);
  auto ws = connect(server.uri());
  std::stop_source source;
  std::jthread stopper([&] { source.request_stop(); });
  expect_canceled([&] { ws.recv(source.get_token()); });
  expect_canceled([&] { ws.recv(source.get_token()); });  // stopped already
  expect_canceled([&] { ws.next({10s, source.get_token()}); });
  ws.send("usable");
  EXPECT_EQ(ws.recv().text(), "usable");
}

TEST(SyncLimit, StopTokenThatIsNotStoppedChangesNothing) {
  const raw_server server(echo);
  auto ws = connect(server.uri());
  std::stop_source source;
  for (int i = 0; i < 100; ++i) {
    ws.send(std::to_string(i), {}, source.get_token());
    EXPECT_EQ(ws.recv(source.get_token()).text(), std::to_string(i));
  }
  EXPECT_THROW(ws.recv({10ms, source.get_token()}), duplex::timeout);
}

TEST(SyncLimit, PingTimesOutAndIsUnharmed) {
  held_server held;
  auto ws = connect(held.server.uri());
  EXPECT_THROW(ws.ping(20ms), duplex::timeout);
  std::stop_source source;
  std::jthread stopper([&] { source.request_stop(); });
  expect_canceled([&] { ws.ping(source.get_token()); });
  held.go.set();
  EXPECT_GT(ws.ping(), 0ns);
  ws.send("usable");
  EXPECT_EQ(ws.recv().text(), "usable");
}

TEST(SyncLimit, MessageWhoseWaitWasGivenUpIsSentAllTheSame) {
  held_server held;
  auto ws = connect(held.server.uri(), {.max_size = {}});
  EXPECT_THROW(ws.send(large_text(), {}, 20ms), duplex::timeout);
  EXPECT_GT(ws.buffered_amount(), 0u);
  std::stop_source source;
  source.request_stop();
  expect_canceled([&] { ws.send("second", {}, source.get_token()); });
  held.go.set();
  EXPECT_EQ(ws.recv().text(), large_text());
  EXPECT_EQ(ws.recv().text(), "second");
  EXPECT_EQ(ws.buffered_amount(), 0u);
}

TEST(SyncLimit, UnsentOutputLeavesWhileTheOwnerIsAway) {
  event arrived;
  held_server held;
  event go;
  const raw_server server([&](raw_peer& peer) {
    peer.accept_handshake();
    go.wait();
    EXPECT_EQ(peer.receive()->text(), large_text());
    arrived.set();
    peer.echo();
  });
  auto ws = connect(server.uri());
  EXPECT_THROW(ws.send(large_text(), {}, 20ms), duplex::timeout);
  go.set();
  arrived.wait();  // this thread does nothing for the connection
  EXPECT_EQ(ws.buffered_amount(), 0u);
}

TEST(SyncLimit, SendWaitsForTheLowMark) {
  held_server held;
  auto ws = connect(held.server.uri(), {.max_size = {}, .write_limit = {100'000, 5'000}});
  const std::string text(1'000'000, 'x');
  std::jthread reader([&] { held.go.set(); });
  for (int i = 0; i < 20; ++i) {
    ws.send(text);
    EXPECT_LE(ws.buffered_amount(), 100'000u);
  }
  for (int i = 0; i < 20; ++i) EXPECT_EQ(ws.recv().size(), text.size());
}

TEST(SyncLimit, SendBelowTheHighMarkDoesNotWait) {
  held_server held;
  auto ws = connect(held.server.uri(), {.max_size = {}, .write_limit = std::nullopt});
  ws.send(large_text());
  ws.send("and more");
  EXPECT_GT(ws.buffered_amount(), 1'000'000u);
  held.go.set();
  EXPECT_EQ(ws.recv().size(), large_text().size());
  EXPECT_EQ(ws.recv().text(), "and more");
}

TEST(SyncLimit, LargeMessagesBothWaysAtOnceDoNotBlockEachOther) {
  const raw_server server([](raw_peer& peer) {
    peer.accept_handshake();
    peer.send(large_text());  // before it reads anything
    EXPECT_EQ(peer.receive()->size(), large_text().size());
    peer.echo();
  });
  auto ws = connect(server.uri(), {.max_size = {}});
  ws.send(large_text());  // reads, too, or neither would ever end
  EXPECT_EQ(ws.recv().size(), large_text().size());
  ws.send("usable");
  EXPECT_EQ(ws.recv().text(), "usable");
}

TEST(SyncLimit, CloseTimeoutBoundsCloseWithASilentServer) {
  held_server held;
  auto ws = connect(held.server.uri(), {.close_timeout = 30ms});
  const auto start = clock::now();
  ws.close();
  EXPECT_GE(clock::now() - start, 30ms);
  EXPECT_LT(clock::now() - start, 5s);
  EXPECT_EQ(ws.close_code(), 1006);
  held.go.set();
}

TEST(SyncLimit, CloseTimeoutBoundsTheDestructorBehindUnsentOutput) {
  held_server held;
  const auto start = clock::now();
  {
    auto ws = connect(held.server.uri(), {.close_timeout = 30ms, .write_limit = std::nullopt});
    ws.send(large_text());
  }
  EXPECT_LT(clock::now() - start, 5s);
  held.go.set();
}

TEST(SyncLimit, ServerThatFloodsAndNeverReadsIsDroppedThoughReadingPauses) {
  event gone;
  const raw_server server([&](raw_peer& peer) {
    peer.accept_handshake();
    for (int i = 0; i < 3000; ++i) peer.send(std::string(10'000, 'x'));
    gone.wait();
  });
  auto ws = connect(server.uri(), {.ping_interval = 20ms, .ping_timeout = 20ms, .max_queue = 4});
  const auto start = clock::now();
  try {
    for (;;) ws.send(std::string(1'000'000, 'x'));
  } catch (const duplex::connection_closed_error& end) {
    EXPECT_EQ(end.sent(), (duplex::close_info{1011, "keepalive timeout: the peer reads nothing"}));
  }
  EXPECT_LT(clock::now() - start, 10s);
  gone.set();
}

TEST(SyncLimit, CloseFindsThePeersFrameBehindAFullInbox) {
  const raw_server server([](raw_peer& peer) {
    peer.accept_handshake();
    for (int i = 0; i < 1000; ++i) peer.send(std::string(10'000, 'x'));
    while (peer.next_event()) continue;
  });
  auto ws = connect(server.uri(), {.max_size = 20'000, .max_queue = 4});
  ws.recv();
  ws.close();
  EXPECT_EQ(ws.close_code(), 1000);
  int kept = 0;
  while (ws.next()) ++kept;
  EXPECT_LT(kept, 900);  // what was beyond the limits of the inbox is lost
}

}  // namespace
