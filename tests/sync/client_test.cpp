// The calls of a blocking connection, one after the other, against a server that behaves.
#include <duplex/sync/client.hpp>

#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "support/raw_server.hpp"

namespace {

using namespace std::chrono_literals;
using duplex::close_info;
using duplex::message;
using duplex::payload;
using duplex::protocol::state;
using duplex::sync::client_connection;
using duplex::sync::connect;
using duplex::test::raw_peer;
using duplex::test::raw_server;

void echo(raw_peer& peer) {
  peer.accept_handshake();
  peer.echo();
}

TEST(SyncClient, MessagesComeBackAsTheyWere) {
  const raw_server server(echo);
  auto ws = connect(server.uri());
  ws.send("Hello world!");
  const auto text = ws.recv();
  EXPECT_TRUE(text.is_text());
  EXPECT_EQ(text.text(), "Hello world!");

  const std::vector<std::byte> bytes = {std::byte{0}, std::byte{0xFF}, std::byte{0x80}};
  ws.send(bytes);
  const auto binary = ws.recv();
  EXPECT_TRUE(binary.is_binary());
  EXPECT_TRUE(std::ranges::equal(binary.bytes(), bytes));

  ws.send("");
  EXPECT_EQ(ws.recv().size(), 0u);
  ws.send(text);
  EXPECT_EQ(ws.recv().text(), "Hello world!");
}

TEST(SyncClient, MessagesOfEverySizeComeBack) {
  const raw_server server(echo);
  auto ws = connect(server.uri(), {.max_size = {}});
  for (const std::size_t size : {1, 125, 126, 65535, 65536, 65537, 200'000, 1'000'000, 5'000'000}) {
    std::string text(size, 'x');
    for (std::size_t i = 0; i < size; i += 997) text[i] = static_cast<char>('a' + i % 26);
    ws.send(text);
    EXPECT_EQ(ws.recv().text(), text) << size;
  }
}

TEST(SyncClient, TypeOfAMessageCanBeChosen) {
  const raw_server server(echo);
  auto ws = connect(server.uri());
  ws.send("text", {.text = false});
  EXPECT_TRUE(ws.recv().is_binary());
  ws.send(duplex::as_bytes("bytes"), {.text = true});
  EXPECT_TRUE(ws.recv().is_text());
}

TEST(SyncClient, TextThatIsNotUtf8IsRefusedAndHarmsNothing) {
  const raw_server server(echo);
  auto ws = connect(server.uri());
  EXPECT_THROW(ws.send("\xFF"), std::invalid_argument);
  EXPECT_THROW(ws.send(duplex::as_bytes("\xC3"), {.text = true}), std::invalid_argument);
  ws.send("\xFF", {.text = false});
  EXPECT_EQ(ws.recv().text(), "\xFF");
}

TEST(SyncClient, NextEndsWithTheConnection) {
  for (const std::uint16_t code : {1000, 1001}) {
    const raw_server server([code](raw_peer& peer) {
      peer.accept_handshake();
      peer.send("one");
      peer.send("two");
      peer.finish(code);
    });
    auto ws = connect(server.uri());
    std::string seen;
    while (auto received = ws.next()) seen += received->text();
    EXPECT_EQ(seen, "onetwo");
    EXPECT_EQ(ws.close_code(), code);
    EXPECT_FALSE(ws.next());
  }
}

TEST(SyncClient, NextEndsWithAnEmptyCloseFrame) {
  const raw_server server([](raw_peer& peer) {
    peer.accept_handshake();
    peer.write(std::string("\x88\x00", 2));
    peer.half_close();
    EXPECT_EQ(peer.read_until("\x88").size() % 6, 0u);
  });
  auto ws = connect(server.uri());
  EXPECT_FALSE(ws.next());
  EXPECT_EQ(ws.close_code(), 1005);
}

TEST(SyncClient, NextThrowsAtAnyOtherEnd) {
  const raw_server server([](raw_peer& peer) {
    peer.accept_handshake();
    peer.finish(1011, "out of order");
  });
  auto ws = connect(server.uri());
  EXPECT_THROW(ws.next(), duplex::connection_closed_error);
  EXPECT_EQ(ws.close_code(), 1011);
  EXPECT_EQ(ws.close_reason(), "out of order");
}

TEST(SyncClient, RecvThrowsWhatEnded) {
  const raw_server server([](raw_peer& peer) {
    peer.accept_handshake();
    peer.finish(1001, "bye");
  });
  auto ws = connect(server.uri());
  try {
    ws.recv();
    FAIL() << "received something";
  } catch (const duplex::connection_closed_ok& closed) {
    EXPECT_EQ(closed.rcvd(), (close_info{1001, "bye"}));
    EXPECT_EQ(closed.sent(), (close_info{1001, "bye"}));
    EXPECT_EQ(closed.rcvd_then_sent(), true);
  }
  EXPECT_EQ(ws.state(), state::closed);
}

TEST(SyncClient, EverythingThrowsAfterTheEnd) {
  const raw_server server([](raw_peer& peer) {
    peer.accept_handshake();
    peer.finish();
  });
  auto ws = connect(server.uri());
  EXPECT_FALSE(ws.next());
  EXPECT_THROW(ws.recv(), duplex::connection_closed_ok);
  EXPECT_THROW(ws.send("late"), duplex::connection_closed_ok);
  EXPECT_THROW(ws.ping(), duplex::connection_closed_ok);
  EXPECT_THROW(ws.pong(), duplex::connection_closed_ok);
  ws.close();
  ws.abort();
}

TEST(SyncClient, MessagesReceivedBeforeTheCloseStayReadable) {
  const raw_server server([](raw_peer& peer) {
    peer.accept_handshake();
    for (int i = 0; i < 5; ++i) peer.send(std::to_string(i));
    while (peer.next_event()) continue;
  });
  auto ws = connect(server.uri());
  ws.close();
  EXPECT_EQ(ws.state(), state::closed);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(ws.recv().text(), std::to_string(i));
  EXPECT_THROW(ws.recv(), duplex::connection_closed_ok);
}

TEST(SyncClient, PingGivesTheRoundTrip) {
  const raw_server server(echo);
  auto ws = connect(server.uri());
  EXPECT_FALSE(ws.latency());
  const auto round_trip = ws.ping();
  EXPECT_GT(round_trip, 0ns);
  EXPECT_LT(round_trip, 10s);
  ASSERT_TRUE(ws.latency());
  EXPECT_GT(ws.ping(duplex::as_bytes("data")), 0ns);
  EXPECT_THROW(ws.ping(duplex::as_bytes(std::string(126, 'x'))), std::invalid_argument);
  EXPECT_GT(ws.ping(duplex::as_bytes(std::string(125, 'x'))), 0ns);
}

TEST(SyncClient, PingLeavesMessagesForRecv) {
  const raw_server server([](raw_peer& peer) {
    peer.accept_handshake();
    for (int i = 0; i < 10; ++i) peer.send(std::to_string(i));
    peer.echo();
  });
  auto ws = connect(server.uri());
  ws.ping();
  for (int i = 0; i < 10; ++i) EXPECT_EQ(ws.recv().text(), std::to_string(i));
}

TEST(SyncClient, PingAndPongArriveWithTheirData) {
  std::vector<std::string> seen;
  {
    const raw_server server([&](raw_peer& peer) {
      peer.accept_handshake();
      while (auto event = peer.next_event()) {
        if (event->kind == duplex::protocol::event::type::ping) {
          seen.push_back("ping " + std::string(event->payload.text()));
        } else if (event->kind == duplex::protocol::event::type::pong) {
          seen.push_back("pong " + std::string(event->payload.text()));
        }
      }
    });
    auto ws = connect(server.uri());
    ws.pong();
    ws.pong(duplex::as_bytes("unasked"));
    ws.ping(duplex::as_bytes("asked"));
    EXPECT_THROW(ws.pong(duplex::as_bytes(std::string(126, 'x'))), std::invalid_argument);
  }
  EXPECT_EQ(seen, (std::vector<std::string>{"pong ", "pong unasked", "ping asked"}));
}

TEST(SyncClient, HandshakeIsThereToBeRead) {
  const raw_server server([](raw_peer& peer) {
    peer.accept_handshake("v2");
    EXPECT_EQ(peer.request().headers.get("Origin"), "https://example.com");
    EXPECT_EQ(peer.request().headers.get("X-Trace"), "7");
    EXPECT_EQ(peer.request().headers.get("User-Agent"),
              duplex::connect_options::default_user_agent());
    peer.echo();
  });
  const auto ws = connect(server.uri("/chat?room=1"), {.origin = "https://example.com",
                                                       .subprotocols = {"v2", "v1"},
                                                       .additional_headers = {{"X-Trace", "7"}}});
  EXPECT_EQ(ws.request().target, "/chat?room=1");
  EXPECT_EQ(ws.response().status, 101);
  EXPECT_EQ(ws.subprotocol(), "v2");
  EXPECT_EQ(ws.remote_address(), (duplex::address{"127.0.0.1", server.port()}));
  EXPECT_EQ(ws.local_address().host, "127.0.0.1");
  EXPECT_NE(ws.local_address().port, 0);
  EXPECT_EQ(ws.id().size(), 36u);
  EXPECT_EQ(ws.state(), state::open);
  EXPECT_EQ(ws.buffered_amount(), 0u);
  EXPECT_FALSE(ws.close_code());
  EXPECT_EQ(ws.close_reason(), "");
}

TEST(SyncClient, CloseTellsTheServerAndCanBeRepeated) {
  std::optional<close_info> rcvd;
  {
    const raw_server server([&](raw_peer& peer) {
      peer.accept_handshake();
      while (peer.next_event()) continue;
      rcvd = peer.core().close_rcvd();
    });
    auto ws = connect(server.uri());
    EXPECT_THROW(ws.close(1005), std::invalid_argument);
    EXPECT_THROW(ws.close(1000, std::string(124, 'x')), std::invalid_argument);
    EXPECT_EQ(ws.state(), state::open);
    ws.close(4000, "enough");
    EXPECT_EQ(ws.state(), state::closed);
    EXPECT_EQ(ws.close_code(), 4000);
    ws.close();
  }
  EXPECT_EQ(rcvd, (close_info{4000, "enough"}));
}

// What the server received as the close frame of a client that is destroyed by `use`.
std::optional<close_info> close_frame_after(const std::function<void(client_connection)>& use) {
  std::optional<close_info> rcvd;
  {
    const raw_server server([&](raw_peer& peer) {
      peer.accept_handshake();
      peer.echo();
      rcvd = peer.core().close_rcvd();
    });
    use(connect(server.uri()));
  }
  return rcvd;
}

TEST(SyncClient, DestructorClosesWith1000) {
  EXPECT_EQ(close_frame_after([](client_connection) {}), (close_info{1000, ""}));
}

TEST(SyncClient, DestructorClosesWith1011WhileAnExceptionUnwinds) {
  const auto rcvd = close_frame_after([](client_connection ws) {
    try {
      const auto owner = std::move(ws);
      throw std::runtime_error("lost");
    } catch (const std::runtime_error&) {
    }
  });
  EXPECT_EQ(rcvd, (close_info{1011, ""}));
}

TEST(SyncClient, AssignmentClosesWhatWasThere) {
  std::vector<std::optional<close_info>> rcvd;
  {
    const raw_server server([&](raw_peer& peer) {
      peer.accept_handshake();
      peer.core().send(message::type::text, duplex::as_bytes("welcome"));
      peer.echo();
      rcvd.push_back(peer.core().close_rcvd());
    });
    const raw_server other(echo);
    auto ws = connect(server.uri());
    EXPECT_EQ(ws.recv().text(), "welcome");
    ws = connect(other.uri());
    ws.send("alive");
    EXPECT_EQ(ws.recv().text(), "alive");
    auto& self = ws;
    ws = std::move(self);
    ws.send("still");
    EXPECT_EQ(ws.recv().text(), "still");
  }
  ASSERT_EQ(rcvd.size(), 1u);
  EXPECT_EQ(rcvd[0], (close_info{1000, ""}));
}

TEST(SyncClient, AbortEndsWithoutACloseFrame) {
  bool closed = true;
  {
    const raw_server server([&](raw_peer& peer) {
      peer.accept_handshake();
      peer.echo();
      closed = peer.core().close_rcvd().has_value();
    });
    auto ws = connect(server.uri());
    ws.abort();
    EXPECT_EQ(ws.state(), state::closed);
    EXPECT_EQ(ws.close_code(), 1006);
    EXPECT_THROW(ws.recv(), duplex::connection_closed_error);
    EXPECT_THROW(ws.next(), duplex::connection_closed_error);
  }
  EXPECT_FALSE(closed);
}

TEST(SyncClient, OpenAndEndAreLogged) {
  const raw_server server(echo);
  std::vector<std::string> lines;
  std::string id;
  const duplex::logger logger = [&](const duplex::log_record& record) {
    lines.emplace_back(record.message);
    EXPECT_EQ(record.level, duplex::log_level::info);
    if (id.empty()) id = record.connection_id;
    EXPECT_EQ(record.connection_id, id);
  };
  {
    auto ws = connect(server.uri(), {.logger = &logger});
    EXPECT_EQ(ws.id(), id);
    ws.close();
    ws.close();
  }
  const std::string peer = "127.0.0.1:" + std::to_string(server.port());
  EXPECT_EQ(lines, (std::vector<std::string>{"connection open with " + peer,
                                             "connection closed with " + peer +
                                                 ": sent 1000 (OK); then received 1000 (OK)"}));
}

}  // namespace
