// Messages in fragments, and figures, of a blocking connection.
#include <duplex/sync/client.hpp>

#include <atomic>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include <duplex/error.hpp>

#include "support/event.hpp"
#include "support/raw_server.hpp"

namespace {

using namespace std::chrono_literals;
using duplex::as_bytes;
using duplex::message;
using duplex::sync::client_connection;
using duplex::sync::connect;
using duplex::test::event;
using duplex::test::raw_peer;
using duplex::test::raw_server;
using strings = std::vector<std::string>;

void echo(raw_peer& peer) {
  peer.accept_handshake();
  peer.echo();
}

void send_fragment(raw_peer& peer, std::string_view text, bool last) {
  peer.core().send_fragment(message::type::text, as_bytes(text), last);
  peer.flush();
}

// The fragments of the next message put together.
std::string receive_joined(client_connection& ws) {
  std::string all;
  auto incoming = ws.recv_streaming(10s);
  while (auto fragment = incoming.next(10s)) all += fragment->text();
  return all;
}

TEST(SyncFragments, AreReceivedAsTheyCome) {
  event first_seen;
  const raw_server server([&](raw_peer& peer) {
    peer.accept_handshake();
    send_fragment(peer, "Hel", false);
    first_seen.wait();
    send_fragment(peer, "lo", true);
    peer.send("whole");
    send_fragment(peer, "in ", false);
    send_fragment(peer, "two", true);
    peer.echo();
  });
  auto ws = connect(server.uri());
  {
    auto incoming = ws.recv_streaming(10s);
    EXPECT_TRUE(incoming.is_text());
    EXPECT_EQ(incoming.next(10s)->text(), "Hel");
    EXPECT_THROW(ws.recv(1ms), duplex::concurrency_error);
    EXPECT_THROW(ws.recv_streaming(1ms), duplex::concurrency_error);
    EXPECT_THROW(incoming.next(1ms), duplex::timeout);
    first_seen.set();
    EXPECT_EQ(incoming.next(10s)->text(), "lo");
    EXPECT_FALSE(incoming.next(10s));
    EXPECT_FALSE(incoming.next(10s)) << "it stays at the end";
  }
  EXPECT_EQ(receive_joined(ws), "whole");
  EXPECT_EQ(ws.recv(10s).text(), "in two");
  ws.send("echoed");
  EXPECT_EQ(ws.recv(10s).text(), "echoed");
  EXPECT_EQ(ws.stats().messages_received, 4u);
}

TEST(SyncFragments, OfAMessageGivenUpAreSkipped) {
  const raw_server server([](raw_peer& peer) {
    peer.accept_handshake();
    for (int i = 0; i < 2; ++i) {
      send_fragment(peer, "skip", false);
      send_fragment(peer, " this", false);
      send_fragment(peer, " too", true);
      peer.send("next");
    }
    peer.echo();
  });
  auto ws = connect(server.uri());
  ws.recv_streaming(10s);
  EXPECT_EQ(ws.recv(10s).text(), "next");
  ws.recv_streaming(10s);
  EXPECT_EQ(receive_joined(ws), "next");
}

TEST(SyncFragments, OfAMessageLargerThanMaxSizeAreReceived) {
  const std::string large(5'000'000, 'x');
  const raw_server server([&](raw_peer& peer) {
    peer.accept_handshake();
    peer.send(large);
    peer.echo();
  });
  auto ws = connect(server.uri(), {.max_size = 1000});
  EXPECT_EQ(receive_joined(ws), large);
  ws.send("small");
  EXPECT_EQ(ws.recv(10s).text(), "small");
}

TEST(SyncFragments, EndWithTheConnection) {
  const raw_server server([](raw_peer& peer) {
    peer.accept_handshake();
    send_fragment(peer, "begun", false);
    peer.half_close();
    peer.read_some();
  });
  auto ws = connect(server.uri());
  auto incoming = ws.recv_streaming(10s);
  EXPECT_EQ(incoming.next(10s)->text(), "begun");
  EXPECT_THROW(incoming.next(10s), duplex::connection_closed_error);
}

TEST(SyncFragments, OfARangeOrAFunctionAreSentAsOneMessage) {
  const raw_server server(echo);
  for (const bool compressed : {false, true}) {
    auto ws = compressed ? connect(server.uri()) : connect(server.uri(), {.compression = {}});
    const strings words{"one ", "\xe2\x82", "\xac"};
    ws.send(words);
    EXPECT_EQ(ws.recv(10s).text(), "one \u20ac");
    int left = 3;
    ws.send([&left]() -> std::optional<message> {
      if (left == 0) return std::nullopt;
      return message(as_bytes(std::to_string(left--)));
    });
    const auto reply = ws.recv(10s);
    EXPECT_TRUE(reply.is_binary());
    EXPECT_EQ(reply.text(), "321");
    ws.send(strings{});
    ws.send("whole");
    EXPECT_EQ(ws.recv(10s).text(), "whole");
    EXPECT_EQ(ws.stats().messages_sent, 3u);
  }
}

TEST(SyncFragments, HoldBackTheMessagesOfOtherThreads) {
  const raw_server server(echo);
  auto ws = connect(server.uri());
  event begun, tried;
  std::thread other([&] {
    begun.wait();
    EXPECT_THROW(ws.send("never", {}, 5ms), duplex::timeout);
    std::stop_source stopped;
    stopped.request_stop();
    EXPECT_THROW(ws.send("never", {}, stopped.get_token()), std::system_error);
    tried.set();
    ws.send("whole");
  });
  int made = 0;
  ws.send([&]() -> std::optional<message> {
    switch (++made) {
      case 1:
        return message(std::string_view("a"));
      case 2:
        begun.set();
        tried.wait();
        ws.pong();  // control frames go between
        EXPECT_THROW(ws.send("by the same thread"), duplex::invalid_state);
        return message(std::string_view("b"));
      default:
        return std::nullopt;
    }
  });
  other.join();
  EXPECT_EQ(ws.recv(10s).text(), "ab");
  EXPECT_EQ(ws.recv(10s).text(), "whole");
}

TEST(SyncFragments, ThatFailHalfWayCloseWith1011) {
  std::atomic<int> code = 0;
  const raw_server server([&](raw_peer& peer) {
    peer.accept_handshake();
    peer.echo();
    code = peer.core().close_rcvd() ? peer.core().close_rcvd()->code : -1;
  });
  auto ws = connect(server.uri());
  const strings bad{"good", "\xff"};
  EXPECT_THROW(ws.send(bad), std::invalid_argument);
  EXPECT_NE(ws.state(), duplex::protocol::state::open);
  EXPECT_THROW(ws.recv(10s), duplex::connection_closed_error);
  EXPECT_EQ(ws.close_code(), 1011);
}

TEST(SyncStats, CountWhatWentThrough) {
  const raw_server server(echo);
  auto ws = connect(server.uri());
  EXPECT_EQ(ws.stats(), duplex::connection_stats());
  ws.send("hello");
  ws.recv(10s);
  const auto figures = ws.stats();
  EXPECT_EQ(figures.bytes_sent, 11u);
  EXPECT_EQ(figures.bytes_received, 7u);
  EXPECT_EQ(figures.messages_sent, 1u);
  EXPECT_EQ(figures.messages_received, 1u);
  EXPECT_EQ(figures.sent.ratio(), 1.0);
}

TEST(SyncLatency, IsUpdatedByKeepalive) {
  const raw_server server(echo);
  auto ws = connect(server.uri(), {.ping_interval = 5ms});
  EXPECT_FALSE(ws.latency());
  for (int i = 0; i < 1000 && !ws.latency(); ++i) {
    EXPECT_THROW(ws.recv(20ms), duplex::timeout);
  }
  EXPECT_TRUE(ws.latency());
}

}  // namespace
