// What servers do to hurt, class by class, against blocking clients: what each may cost at most is
// measured here. The classes of the protocol alone are in tests/protocol/abuse_test.cpp.
#include <duplex/sync/client.hpp>

#include <algorithm>
#include <string>
#include <thread>

#include <poll.h>
#include <sys/socket.h>

#include <gtest/gtest.h>

#include "support/event.hpp"
#include "support/memory.hpp"
#include "support/protocol.hpp"
#include "support/raw_server.hpp"
#include "support/sockets.hpp"

namespace {

using namespace std::chrono_literals;
using duplex::protocol::side;
using duplex::sync::connect;
using duplex::test::event;
using duplex::test::mebibyte;
using duplex::test::memory_growth;
using duplex::test::raw_peer;
using duplex::test::raw_server;
using duplex::test::repeated;
using duplex::test::to_wire;
using duplex::test::wire_frame;
using clock = std::chrono::steady_clock;

std::string from_server(const wire_frame& frame) { return to_wire(side::server, frame); }

TEST(SyncAbuse, LimitOffByALittleIsExact) {
  const raw_server server([](raw_peer& peer) {
    peer.accept_handshake();
    peer.send(std::string(70'000, 'x'));
    peer.send(std::string(70'001, 'x'));
    while (peer.next_event()) continue;
  });
  auto ws = connect(server.uri(), {.max_size = 70'000});
  EXPECT_EQ(ws.recv().size(), 70'000u);
  try {
    ws.recv();
    FAIL() << "received";
  } catch (const duplex::connection_closed_error& end) {
    EXPECT_EQ(end.sent(),
              (duplex::close_info{1009, "message of 70001 bytes exceeds limit of 70000 bytes"}));
  }
}

TEST(SyncAbuse, Fragments65536Of64BytesAreOneMessage) {
  const auto fragment = from_server({.opcode = 0, .payload = std::string(64, 'x'), .fin = false});
  const auto thousand = repeated(fragment, 1'024);
  const raw_server server([&](raw_peer& peer) {
    peer.accept_handshake();
    peer.write(from_server({.opcode = 2, .fin = false}));
    for (int i = 0; i < 64; ++i) peer.write(thousand);
    peer.write(from_server({.opcode = 0}));
    peer.finish();
  });
  memory_growth memory;
  auto ws = connect(server.uri(), {.max_size = 4 * mebibyte});
  const auto message = ws.recv();
  EXPECT_EQ(message.size(), 4 * mebibyte);
  memory.expect_below(2 * 4 * mebibyte + 2 * mebibyte);
}

TEST(SyncAbuse, FragmentsThatAreEmptyCostNoMemory) {
  const auto many = repeated(from_server({.opcode = 0, .fin = false}), 50'000);
  const raw_server server([&](raw_peer& peer) {
    peer.accept_handshake();
    peer.write(from_server({.opcode = 1, .payload = "x", .fin = false}));
    for (int i = 0; i < 40; ++i) peer.write(many);  // two millions
    peer.write(from_server({.opcode = 0, .payload = "y"}));
    peer.finish();
  });
  auto ws = connect(server.uri());
  memory_growth memory;
  EXPECT_EQ(ws.recv().text(), "xy");
  memory.expect_below(mebibyte);
}

TEST(SyncAbuse, PingFloodOfAServerThatNeverReadsCostsNothing) {
  const auto pings = repeated(from_server({.opcode = 9, .payload = std::string(125, 'p')}), 512);
  event done;
  const raw_server server([&](raw_peer& peer) {
    peer.accept_handshake();
    for (int i = 0; i < 300; ++i) peer.write(pings);
    peer.write(from_server({.opcode = 1, .payload = "over"}));
    done.wait();
  });
  auto ws = connect(server.uri());
  memory_growth memory;
  EXPECT_EQ(ws.recv().text(), "over");
  memory.expect_below(mebibyte);
  EXPECT_LE(ws.buffered_amount(), 65'536u / 127 * 131 + 2 * 131);  // the pongs of one read
  ws.abort();
  done.set();
}

TEST(SyncAbuse, DataFloodToAnOwnerWhoIsAwayStopsAtTheQueue) {
  const auto frame = from_server({.opcode = 2, .payload = std::string(mebibyte, 'x')});
  event full;
  const raw_server server([&](raw_peer& peer) {
    peer.accept_handshake();
    pollfd writable{.fd = peer.socket(), .events = POLLOUT, .revents = 0};
    // Longer than it takes the service thread to notice that the owner is away.
    while (poll(&writable, 1, 500) == 1) {
      if (::send(peer.socket(), frame.data(), frame.size(), MSG_NOSIGNAL | MSG_DONTWAIT) < 0) break;
    }
    full.set();
  });
  auto ws = connect(server.uri());
  memory_growth memory;
  full.wait();
  // Four messages are four times max_size; one more is being put together.
  memory.expect_below(8 * mebibyte);
  ws.abort();
}

TEST(SyncAbuse, SendQueueForAServerThatNeverReadsIsBoundedByWriteLimit) {
  event done;
  const raw_server server([&](raw_peer& peer) {
    peer.accept_handshake();
    done.wait();
  });
  auto ws = connect(server.uri());
  const std::string text(65'536, 'x');
  memory_growth memory;
  EXPECT_THROW(
      {
        for (;;) ws.send(text, {}, 100ms);
      },
      duplex::timeout);
  EXPECT_LE(ws.buffered_amount(), 65'536u + text.size() + 14);
  memory.expect_below(mebibyte);
  ws.abort();
  done.set();
}

TEST(SyncAbuse, HeaderFloodEndsTheHandshake) {
  const auto line = "A: " + std::string(8'000, 'x') + "\r\n";
  const raw_server server([&](raw_peer& peer) {
    peer.read_until("\r\n\r\n");
    peer.write("HTTP/1.1 101 OK\r\n");
    for (int i = 0; i < 129; ++i) peer.write(line);
  });
  memory_growth memory;
  EXPECT_THROW(connect(server.uri()), duplex::security_error);
  memory.expect_below(6 * mebibyte);
}

TEST(SyncAbuse, HalfOpenTcpIsFoundByKeepalive) {
  event done;
  const raw_server server([&](raw_peer& peer) {
    peer.accept_handshake();
    done.wait();
  });
  auto ws =
      connect(server.uri(), {.ping_interval = 20ms, .ping_timeout = 20ms, .close_timeout = 20ms});
  const auto start = clock::now();
  EXPECT_THROW(ws.recv(), duplex::connection_closed_error);
  EXPECT_LT(clock::now() - start, 5s);
  done.set();
}

}  // namespace
