// Opening a connection: names, TCP, the handshake, and everything that can go wrong there.
#include <duplex/sync/client.hpp>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>

#include <gtest/gtest.h>
#include <duplex/protocol/handshake.hpp>

#include "net/sockaddr.hpp"
#include "support/event.hpp"
#include "support/raw_server.hpp"
#include "support/sockets.hpp"
#include "sync/tcp.hpp"

namespace {

using namespace std::chrono_literals;
using duplex::address_family;
using duplex::sync::connect;
using duplex::test::event;
using duplex::test::raw_peer;
using duplex::test::raw_server;
using clock = std::chrono::steady_clock;

void echo(raw_peer& peer) {
  peer.accept_handshake();
  peer.echo();
}

// A server that reads the request and answers with these bytes.
auto answering(std::string bytes) {
  return [bytes = std::move(bytes)](raw_peer& peer) {
    peer.read_until("\r\n\r\n");
    peer.write(bytes);
  };
}

// A port of 127.0.0.1 where nobody listens, for as long as the object lives.
class refusing_port {
 public:
  refusing_port() : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
    name_.sin_family = AF_INET;
    name_.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof name_;
    bind(socket_, reinterpret_cast<sockaddr*>(&name_), size);
    getsockname(socket_, reinterpret_cast<sockaddr*>(&name_), &size);
  }
  ~refusing_port() { ::close(socket_); }
  std::uint16_t number() const { return ntohs(name_.sin_port); }

 private:
  int socket_;
  sockaddr_in name_ = {};
};

TEST(SyncConnect, LocalhostIsLookedUp) {
  const raw_server server(echo);
  auto ws = connect("ws://localhost:" + std::to_string(server.port()));
  ws.send("found");
  EXPECT_EQ(ws.recv().text(), "found");
}

TEST(SyncConnect, HostAndPortOfTheOptionsReplaceThoseOfTheUri) {
  std::string host;
  const raw_server server([&](raw_peer& peer) {
    peer.accept_handshake();
    host = peer.request().headers.get("Host").value_or("");
    peer.echo();
  });
  auto ws = connect("ws://example.invalid/", {.host = "127.0.0.1", .port = server.port()});
  ws.send("found");
  ws.recv();
  EXPECT_EQ(host, "example.invalid");
}

TEST(SyncConnect, FamilyRestrictsTheAddresses) {
  const raw_server server(echo);
  auto ws = connect(server.uri(), {.family = address_family::ipv4});
  EXPECT_THROW(connect(server.uri(), {.family = address_family::ipv6}), std::system_error);
}

TEST(SyncConnect, RefusedPortIsASystemError) {
  const refusing_port port;
  try {
    connect("ws://127.0.0.1:" + std::to_string(port.number()));
    FAIL() << "connected";
  } catch (const std::system_error& refused) {
    EXPECT_EQ(refused.code(), std::errc::connection_refused);
    EXPECT_EQ(refused.what(), "cannot connect to 127.0.0.1:" + std::to_string(port.number()) +
                                  ": connection refused");
  }
}

TEST(SyncConnect, SilentAddressCosts250MsAndFamiliesTakeTurns) {
  const duplex::test::blackhole first, second, third;
  event accepted;
  const raw_server server([&](raw_peer&) { accepted.set(); });
  // The good one is of the other family, and so the second to be tried (RFC 8305 section 4).
  const duplex::address other_family = {"::ffff:127.0.0.1", server.port()};
  const auto start = clock::now();
  const auto socket = duplex::sync::connect_tcp({first.at(), second.at(), third.at(), other_family},
                                                "four", start + 10s);
  accepted.wait();
  EXPECT_GE(clock::now() - start, 250ms);
  EXPECT_LT(clock::now() - start, 750ms) << "the fourth is tried then";
}

TEST(SyncConnect, NextAddressIsTriedAfterARefusal) {
  const refusing_port refusing;
  event accepted;
  const raw_server server([&](raw_peer&) { accepted.set(); });
  auto addresses = duplex::sync::resolve("127.0.0.1", refusing.number(), address_family::any, {});
  const auto good = duplex::sync::resolve("127.0.0.1", server.port(), address_family::any, {});
  addresses.insert(addresses.end(), good.begin(), good.end());
  const auto socket = duplex::sync::connect_tcp(addresses, "either", clock::now() + 10s);
  EXPECT_EQ(duplex::net::remote_address_of(socket.number()).port, server.port());
  accepted.wait();
}

TEST(SyncConnect, UnknownHostIsASystemErrorThatNamesIt) {
  try {
    duplex::sync::resolve("no host at all", 80, address_family::any, clock::now() + 20s);
    FAIL() << "found";
  } catch (const std::system_error& unknown) {
    EXPECT_STREQ(unknown.code().category().name(), "resolver");
    EXPECT_NE(std::string(unknown.what()).find("'no host at all'"), std::string::npos);
  }
}

TEST(SyncConnect, UriAndOptionsAreChecked) {
  EXPECT_THROW(connect("http://localhost"), duplex::invalid_uri);
  EXPECT_THROW(connect("ws://localhost", {.port = 70000}), std::invalid_argument);
  EXPECT_THROW(connect("ws://localhost", {.additional_headers = {{"A", "b\r\nC: d"}}}),
               std::invalid_argument);
}

TEST(SyncConnect, OtherStatusIsAnInvalidStatusWithTheResponse) {
  const raw_server server(
      answering("HTTP/1.1 404 Not Found\r\nContent-Length: 6\r\nX-A: b\r\n\r\nnobody"));
  try {
    connect(server.uri());
    FAIL() << "connected";
  } catch (const duplex::invalid_status& refused) {
    EXPECT_EQ(refused.response().status, 404);
    EXPECT_EQ(refused.response().headers.get("X-A"), "b");
    EXPECT_EQ(refused.response().body, "nobody");
  }
}

TEST(SyncConnect, AnswerThatIsNoHttpIsAnInvalidMessage) {
  const raw_server server(answering("220 mail.example.com ESMTP\r\n\r\n"));
  EXPECT_THROW(connect(server.uri()), duplex::invalid_message);
}

TEST(SyncConnect, WrongAcceptKeyIsAnInvalidHeader) {
  const raw_server server(
      answering("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                "Connection: Upgrade\r\nSec-WebSocket-Accept: AAAA\r\n\r\n"));
  EXPECT_THROW(connect(server.uri()), duplex::invalid_header);
}

TEST(SyncConnect, ServerThatLeavesInTheHandshakeIsAnInvalidHandshake) {
  const std::string response =
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n";
  for (std::size_t size = 0; size < response.size(); size += 7) {
    const raw_server server(answering(response.substr(0, size)));
    EXPECT_THROW(connect(server.uri()), duplex::invalid_handshake) << size;
  }
  const raw_server server([](raw_peer& peer) { peer.reset(); });
  EXPECT_THROW(connect(server.uri()), duplex::invalid_handshake);
}

TEST(SyncConnect, OpenTimeoutBoundsASilentAndASlowServer) {
  event ended;
  const raw_server silent([&](raw_peer&) { ended.wait(); });
  EXPECT_THROW(connect(silent.uri(), {.open_timeout = 50ms}), duplex::timeout);
  ended.set();

  const raw_server endless([&](raw_peer& peer) {
    peer.read_until("\r\n\r\n");
    const std::string header = "HTTP/1.1 101 Switching Protocols\r\nX: ";
    peer.write(header);
    try {
      for (;;) {
        peer.write("x");
        std::this_thread::yield();
      }
    } catch (const std::system_error&) {  // the client has had enough
    }
  });
  EXPECT_THROW(connect(endless.uri(), {.open_timeout = 50ms}), duplex::error);
}

TEST(SyncConnect, ResponseByteByByteIsAsGoodAsAtOnce) {
  const raw_server server([](raw_peer& peer) {
    duplex::protocol::server_handshake handshake;
    handshake.receive_data(duplex::as_bytes(peer.read_until("\r\n\r\n")));
    const auto request = handshake.next_request().value();
    const auto accepted = duplex::protocol::server_handshake::accept(request);
    for (const char byte : duplex::protocol::write_response(accepted)) peer.write({&byte, 1});
    peer.write(std::string("\x81\x05hello\x88\x02\x03\xE8", 11));
    peer.half_close();
    while (!peer.read_some().empty()) continue;
  });
  auto ws = connect(server.uri());
  EXPECT_EQ(ws.recv().text(), "hello");
  EXPECT_FALSE(ws.next());
}

TEST(SyncConnect, MessageRightBehindTheResponseIsReceived) {
  const raw_server server([](raw_peer& peer) {
    duplex::protocol::server_handshake handshake;
    handshake.receive_data(duplex::as_bytes(peer.read_until("\r\n\r\n")));
    const auto request = handshake.next_request().value();
    const auto accepted = duplex::protocol::server_handshake::accept(request);
    peer.write(duplex::protocol::write_response(accepted) +
               "\x81\x05hello\x81\x05world\x88\x02\x03\xE8");
    peer.half_close();
    while (!peer.read_some().empty()) continue;
  });
  auto ws = connect(server.uri());
  EXPECT_EQ(ws.recv().text(), "hello");
  EXPECT_EQ(ws.recv().text(), "world");
  EXPECT_FALSE(ws.next());
}

}  // namespace
