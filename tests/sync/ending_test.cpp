// Every way a connection can end that is not a call of its owner.
#include <duplex/sync/client.hpp>

#include <future>
#include <string>
#include <thread>

#include <gtest/gtest.h>

#include "support/event.hpp"
#include "support/raw_server.hpp"

namespace {

using namespace std::chrono_literals;
using duplex::close_info;
using duplex::connection_closed_error;
using duplex::sync::connect;
using duplex::test::event;
using duplex::test::raw_peer;
using duplex::test::raw_server;

// What recv threw.
template <class Connection>
duplex::connection_closed end_of(Connection& ws) {
  try {
    for (;;) ws.recv(20s);
  } catch (const duplex::connection_closed& closed) {
    return closed;
  }
}

TEST(SyncEnding, EndOfStreamWithoutACloseFrameIs1006) {
  const raw_server server([](raw_peer& peer) {
    peer.accept_handshake();
    peer.send("last words");
    peer.half_close();
    EXPECT_EQ(peer.read_some(), "");
  });
  auto ws = connect(server.uri());
  EXPECT_EQ(ws.recv().text(), "last words");
  EXPECT_THROW(ws.recv(), connection_closed_error);
  EXPECT_EQ(ws.close_code(), 1006);
  EXPECT_STREQ(end_of(ws).what(), "no close frame received or sent");
}

TEST(SyncEnding, EveryPrefixOfAFrameThenAResetOrTheEndIs1006) {
  const std::string frame = "\x82\x7E" + std::string("\x00\x80", 2) + std::string(128, 'x');
  for (const bool reset : {false, true}) {
    for (std::size_t size = 0; size < frame.size(); ++size) {
      const raw_server server([&](raw_peer& peer) {
        peer.accept_handshake();
        peer.write(frame.substr(0, size));
        if (reset) {
          peer.reset();
        } else {
          peer.close();
        }
      });
      auto ws = connect(server.uri());
      EXPECT_THROW(ws.recv(), connection_closed_error) << size;
      EXPECT_EQ(ws.close_code(), 1006) << size;
    }
  }
}

TEST(SyncEnding, ByteByByteIsAsGoodAsAtOnce) {
  const raw_server server([](raw_peer& peer) {
    peer.accept_handshake();
    const std::string frames = std::string("\x01\x02") + "He" + std::string("\x89\x01!") +
                               std::string("\x80\x03") + "llo" +
                               std::string("\x82\x7E\x00\x7E", 4) + std::string(126, 'b');
    for (const char byte : frames) peer.write({&byte, 1});
    EXPECT_EQ(peer.next_event()->payload.text(), "!");
    peer.echo();
  });
  auto ws = connect(server.uri());
  EXPECT_EQ(ws.recv().text(), "Hello");
  EXPECT_EQ(ws.recv().text(), std::string(126, 'b'));
}

TEST(SyncEnding, SilentServerIsGivenUpWith1011) {
  std::optional<close_info> rcvd;
  event told;
  {
    const raw_server server([&](raw_peer& peer) {
      peer.accept_handshake();
      told.wait();  // no pong is sent in the meantime
      while (peer.next_event()) continue;
      rcvd = peer.core().close_rcvd();
    });
    auto ws = connect(server.uri(), {.ping_interval = 20ms, .ping_timeout = 60ms});
    const auto closed = end_of(ws);
    EXPECT_EQ(closed.sent(), (close_info{1011, "keepalive ping timeout"}));
    EXPECT_EQ(closed.rcvd(), std::nullopt);
    told.set();
  }
  EXPECT_EQ(rcvd, (close_info{1011, "keepalive ping timeout"}));
}

TEST(SyncEnding, ServerThatAnswersPingsIsKept) {
  int pings = 0;
  event enough;
  const raw_server server([&](raw_peer& peer) {
    peer.accept_handshake();
    while (auto event = peer.next_event()) {
      if (event->kind != duplex::protocol::event::type::ping) continue;
      if (++pings == 25) peer.send("enough");
    }
  });
  auto ws = connect(server.uri(), {.ping_interval = 50ms, .ping_timeout = 1s});
  EXPECT_EQ(ws.recv().text(), "enough");
  EXPECT_TRUE(ws.latency());
}

TEST(SyncEnding, BrokenFrameFailsWith1002AfterTheMessageBeforeItWasEchoed) {
  std::string echoed;
  std::optional<close_info> rcvd;
  {
    const raw_server server([&](raw_peer& peer) {
      peer.accept_handshake();
      peer.write(std::string("\x81\x05hello\x83\x00", 9));  // opcode 3 does not exist
      echoed = peer.receive()->text();
      EXPECT_FALSE(peer.receive());
      rcvd = peer.core().close_rcvd();
    });
    auto ws = connect(server.uri());
    ws.send(ws.recv());
    EXPECT_EQ(end_of(ws).sent().value_or(close_info{}).code, 1002);
  }
  EXPECT_EQ(echoed, "hello");
  EXPECT_EQ(rcvd.value_or(close_info{}).code, 1002);
}

TEST(SyncEnding, MessageAboveMaxSizeFailsWith1009) {
  const raw_server server([](raw_peer& peer) {
    peer.accept_handshake();
    peer.send(std::string(1000, 'x'));
    peer.send(std::string(1001, 'x'));
    while (peer.next_event()) continue;
  });
  auto ws = connect(server.uri(), {.max_size = 1000});
  EXPECT_EQ(ws.recv().size(), 1000u);
  EXPECT_EQ(end_of(ws).sent(),
            (close_info{1009, "message of 1001 bytes exceeds limit of 1000 bytes"}));
}

TEST(SyncEnding, ServerThatNeverClosesTcpIsGivenUpAfterCloseTimeout) {
  event ended;
  const raw_server server([&](raw_peer& peer) {
    peer.accept_handshake();
    peer.write("\x88\x02\x03\xE8");
    ended.wait();
  });
  auto ws = connect(server.uri(), {.close_timeout = 30ms});
  EXPECT_EQ(ws.next(), std::nullopt);
  EXPECT_EQ(ws.close_code(), 1000);
  ended.set();
}

TEST(SyncEnding, CloseFromAnotherThreadEndsABlockedRecv) {
  const raw_server server([](raw_peer& peer) {
    peer.accept_handshake();
    peer.echo();
  });
  auto ws = connect(server.uri());
  auto receiving = std::async(std::launch::async, [&] { return end_of(ws).sent(); });
  ws.ping();
  ws.close(4001, "over");
  EXPECT_EQ(receiving.get(), (close_info{4001, "over"}));
}

TEST(SyncEnding, CloseTimeoutEndsARecvThatBlocksElsewhere) {
  event ended;
  const raw_server server([&](raw_peer& peer) {
    peer.accept_handshake();
    peer.send("first");
    ended.wait();
  });
  auto ws = connect(server.uri(), {.close_timeout = 50ms});
  event receives;
  auto receiving = std::async(std::launch::async, [&] {
    ws.recv();
    receives.set();
    return end_of(ws).rcvd();
  });
  receives.wait();
  ws.close();
  EXPECT_EQ(receiving.get(), std::nullopt);
  ended.set();
}

TEST(SyncEnding, AbortFromAnotherThreadEndsEveryBlockedCall) {
  event ended;
  const raw_server server([&](raw_peer& peer) {
    peer.accept_handshake();
    ended.wait();
  });
  auto ws = connect(server.uri());
  const std::string large(std::size_t{32} << 20, 'x');
  auto receiving = std::async(std::launch::async, [&] { ws.recv(); });
  auto pinging = std::async(std::launch::async, [&] { ws.ping(); });
  auto sending = std::async(std::launch::async, [&] { ws.send(large); });
  while (ws.buffered_amount() < 1'000'000) std::this_thread::yield();
  ws.abort();
  EXPECT_THROW(receiving.get(), connection_closed_error);
  EXPECT_THROW(pinging.get(), connection_closed_error);
  EXPECT_THROW(sending.get(), connection_closed_error);
  ended.set();
}

TEST(SyncEnding, ResetEndsABlockedSend) {
  const raw_server server([&](raw_peer& peer) {
    peer.accept_handshake();
    peer.read_some();
    peer.reset();
  });
  auto ws = connect(server.uri());
  EXPECT_THROW(ws.send(std::string(std::size_t{32} << 20, 'x')), connection_closed_error);
  EXPECT_EQ(ws.close_code(), 1006);
}

TEST(SyncEnding, SendThatFailsTellsWhyTheServerLeft) {
  event left;
  const raw_server server([&](raw_peer& peer) {
    peer.accept_handshake();
    peer.write(std::string("\x81\x03why\x88\x06\x03\xF1", 9) + "full");
    peer.close();
    left.set();
  });
  auto ws = connect(server.uri());
  left.wait();
  try {
    for (;;) ws.send("into the void");
  } catch (const connection_closed_error& closed) {
    EXPECT_EQ(closed.rcvd(), (close_info{1009, "full"}));
  }
  EXPECT_EQ(ws.recv().text(), "why");
}

TEST(SyncEnding, SecondRecvAtOnceIsAConcurrencyError) {
  const raw_server server([](raw_peer& peer) {
    peer.accept_handshake();
    peer.echo();
  });
  auto ws = connect(server.uri());
  std::atomic<int> refused = 0;
  auto receive = [&] {
    try {
      return std::string(ws.recv().text());
    } catch (const duplex::concurrency_error&) {
      if (++refused == 1) ws.send("for the other");
      return std::string();
    }
  };
  auto first = std::async(std::launch::async, receive);
  auto second = std::async(std::launch::async, receive);
  EXPECT_EQ(first.get() + second.get(), "for the other");
  EXPECT_EQ(refused, 1);
}

}  // namespace
