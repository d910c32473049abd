// What peers do to hurt, class by class, against servers and clients over loopback: what each may
// cost at most is measured here.
//
// Found elsewhere: limits, frame lengths, masks, and the floods against the protocol alone in
// tests/protocol/abuse_test.cpp; the codec and bombs in tests/protocol/*deflate*; injection in
// injection_test.cpp; lack of memory at any allocation in allocation_test.cpp; faults at any
// operation in faults_test.cpp; lack of descriptors in tests/io/listen_test.cpp; connections
// destroyed while anything waits in lifetime_test.cpp; blocking clients in tests/sync.
#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <functional>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include <duplex/client.hpp>
#include <duplex/server.hpp>

#include "raw_client.hpp"
#include "support.hpp"
#include "support/event.hpp"
#include "support/memory.hpp"
#include "support/raw_server.hpp"
#include "support/sockets.hpp"

namespace {

thread_local int failing_accepts = 0, accept_error = 0;

}  // namespace

// The system's, or none of what it needs.
extern "C" int accept4(int listening, sockaddr* peer, socklen_t* size, int flags) {
  if (failing_accepts > 0) {
    --failing_accepts;
    errno = accept_error;
    return -1;
  }
  return static_cast<int>(::syscall(SYS_accept4, listening, peer, size, flags));
}

namespace duplex::test {
namespace {

std::string uri_of(const server& server) {
  return "ws://127.0.0.1:" + std::to_string(server.port());
}

// A client of a test server that has its 101 and does what it wants from then on.
task<raw_client> connect_raw(const server& server) {
  auto client = co_await raw_client::connect(server.port());
  co_await client.write(upgrade_request());
  co_await client.read_until("\r\n\r\n");
  co_return client;
}

std::string many(const std::string& frame, std::size_t bytes) {
  std::string all;
  while (all.size() < bytes) all += frame;
  return all;
}

// --- millions of empty or tiny fragments

std::string fragments_of_64_bytes(side from, int count) {
  const auto fragment = to_wire(from, {.opcode = 0, .payload = std::string(64, 'x'), .fin = false});
  std::string all;
  for (int i = 0; i < count; ++i) all += fragment;
  return all;
}

TEST(fragments, of_64_bytes_65536_of_them_are_one_message_for_a_server) {
  std::size_t received = 0;
  const auto server = serve(
      [&](connection& ws) -> task<> {
        memory_growth memory;
        auto message = co_await ws.recv();
        received = message.size();
        memory.expect_below(2 * 4 * mebibyte + 2 * mebibyte);
      },
      "127.0.0.1", 0, {.max_size = 4 * mebibyte});
  run_test([&]() -> task<> {
    auto client = co_await connect_raw(server);
    const auto first = to_wire(side::client, wire_frame{.opcode = 2, .fin = false});
    const auto thousand = fragments_of_64_bytes(side::client, 1'024);
    const auto last = to_wire(side::client, wire_frame{.opcode = 0});
    co_await client.write(first);
    for (int i = 0; i < 64; ++i) co_await client.write(thousand);
    co_await client.write(last);
    co_await client.read_until(close_frame(side::server, 1000));
  });
  EXPECT_EQ(received, 4 * mebibyte);
}

TEST(fragments, of_64_bytes_65536_of_them_are_one_message_for_a_client) {
  const raw_server server([](raw_peer& peer) {
    peer.accept_handshake();
    peer.write(to_wire(side::server, wire_frame{.opcode = 2, .fin = false}));
    const auto thousand = fragments_of_64_bytes(side::server, 1'024);
    for (int i = 0; i < 64; ++i) peer.write(thousand);
    peer.write(to_wire(side::server, wire_frame{.opcode = 0}));
    peer.finish();
  });
  run_test([&]() -> task<> {
    const auto uri = server.uri();
    auto ws = co_await connect(uri, {.max_size = 4 * mebibyte});
    memory_growth memory;
    auto message = co_await ws.recv();
    EXPECT_EQ(message.size(), 4 * mebibyte);
    memory.expect_below(2 * 4 * mebibyte + 2 * mebibyte);
    co_await ws.wait_closed();
  });
}

// --- ping flood, peer that never reads

// What one read of pings makes before the socket says that it is full; a client's pongs are larger
// than a server's pings.
constexpr std::size_t pongs_of_one_read_max = 65'536 / 127 * 131 + 2 * 131;

TEST(ping_flood, by_a_client_that_never_reads_costs_a_server_nothing) {
  const auto server = serve(echo, "127.0.0.1");
  run_test([&]() -> task<> {
    auto client = co_await connect_raw(server);
    const auto pings = many(ping_frame(side::client, std::string(125, 'p')), 65'536);
    for (int i = 0; i < 100; ++i) co_await client.write(pings);  // until the socket is full
    memory_growth memory;
    for (int i = 0; i < 200; ++i) co_await client.write(pings);
    memory.expect_below(mebibyte);
    EXPECT_LE(server.connections().front()->buffered_amount(), pongs_of_one_read_max);
    const auto uri = uri_of(server);
    auto other = co_await connect(uri);
    co_await other.send("served");
    co_await other.recv();
  });
}

TEST(ping_flood, by_a_server_that_never_reads_costs_a_client_nothing) {
  event full, done;
  const raw_server server([&](raw_peer& peer) {
    peer.accept_handshake();
    const auto pings = many(ping_frame(side::server, std::string(125, 'p')), 65'536);
    for (int i = 0; i < 300; ++i) {
      peer.write(pings);
      if (i == 100) full.set();
    }
    peer.write(text_frame(side::server, "over"));
    done.wait();
  });
  run_test([&]() -> task<> {
    const auto uri = server.uri();
    auto ws = co_await connect(uri);
    while (!full.is_set()) co_await sleep_for(1ms);
    memory_growth memory;
    auto message = co_await ws.recv();
    EXPECT_EQ(message.text(), "over");
    memory.expect_below(mebibyte);
    EXPECT_LE(ws.buffered_amount(), pongs_of_one_read_max);
    ws.abort();
  });
  done.set();
}

// --- data for an application that never receives

// Writes what the system takes, until it takes nothing for a while.
void write_until_full(int socket, const std::string& bytes) {
  pollfd writable{.fd = socket, .events = POLLOUT, .revents = 0};
  while (poll(&writable, 1, 200) == 1) {
    if (::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT) < 0) return;
  }
}

// Four messages of a mebibyte are four times max_size; one more is being put together.
constexpr std::size_t data_flood_growth_max = 8 * mebibyte;

TEST(data_flood, to_a_handler_that_never_receives_stops_at_the_queue) {
  const auto frame = to_wire(side::client, {.opcode = 2, .payload = std::string(mebibyte, 'x')});
  event full, done;
  auto server = serve([](connection& ws) -> task<> { co_await ws.wait_closed(); }, "127.0.0.1", 0,
                      {.close_timeout = 30ms});
  memory_growth memory;
  const std::jthread client([&, port = server.port()] {
    const auto socket = raw_socket::connected({"127.0.0.1", port});
    const auto request = upgrade_request();
    EXPECT_EQ(::send(socket.number(), request.data(), request.size(), 0), ssize_t(request.size()));
    write_until_full(socket.number(), frame);
    full.set();
    done.wait();
  });
  run_test([&]() -> task<> {
    while (!full.is_set()) co_await sleep_for(1ms);
    memory.expect_below(data_flood_growth_max);
    server.close();
    co_await server.wait_closed();
  });
  done.set();
}

TEST(data_flood, to_a_client_that_never_receives_stops_at_the_queue) {
  event full;
  const auto frame = to_wire(side::server, {.opcode = 2, .payload = std::string(mebibyte, 'x')});
  const raw_server server([&](raw_peer& peer) {
    peer.accept_handshake();
    write_until_full(peer.socket(), frame);
    full.set();
  });
  run_test([&]() -> task<> {
    const auto uri = server.uri();
    auto ws = co_await connect(uri);
    memory_growth memory;
    while (!full.is_set()) co_await sleep_for(1ms);
    memory.expect_below(data_flood_growth_max);
    ws.abort();
  });
}

// --- unbounded send queue

TEST(send_queue, for_a_client_that_never_reads_is_bounded_by_write_limit) {
  const std::string text(65'536, 'x');
  bool stalled = false;
  const auto server = serve(
      [&](connection& ws) -> task<> {
        memory_growth memory;
        const auto end = co_await failure_of([&]() -> task<> {
          for (;;) co_await ws.send(text, {}, 100ms);
        });
        EXPECT_EQ(end, "timeout: sending timed out");
        EXPECT_GT(ws.buffered_amount(), 65'536U);
        EXPECT_LE(ws.buffered_amount(), 65'536U + text.size() + 10);
        memory.expect_below(mebibyte);
        stalled = true;
        ws.abort();
      },
      "127.0.0.1");
  run_test([&]() -> task<> {
    const auto client = co_await connect_raw(server);
    while (!stalled) co_await sleep_for(1ms);
  });
}

TEST(send_queue, for_a_server_that_never_reads_is_bounded_by_write_limit) {
  event done;
  const raw_server server([&](raw_peer& peer) {
    peer.accept_handshake();
    done.wait();
  });
  run_test([&]() -> task<> {
    const std::string text(65'536, 'x');
    const auto uri = server.uri();
    auto ws = co_await connect(uri);
    memory_growth memory;
    const auto end = co_await failure_of([&]() -> task<> {
      for (;;) co_await ws.send(text, {}, 100ms);
    });
    EXPECT_EQ(end, "timeout: sending timed out");
    EXPECT_LE(ws.buffered_amount(), 65'536U + text.size() + 14);
    memory.expect_below(mebibyte);
    ws.abort();
  });
  done.set();
}

// --- slow handshake, slow close, half-open TCP

TEST(slow_handshake, by_a_server_is_given_up_at_open_timeout) {
  event done;
  const raw_server server([&](raw_peer& peer) {
    peer.read_until("\r\n\r\n");
    peer.write("HTTP/1.1 101 Switching Protocols\r\n");
    done.wait();
  });
  run_test([&]() -> task<> {
    const auto end = co_await failure_of([&]() -> task<> {
      const auto uri = server.uri();
      auto ws = co_await connect(uri, {.open_timeout = 30ms});
    });
    EXPECT_TRUE(end.starts_with("timeout: opening a connection to ")) << end;
  });
  done.set();
}

TEST(slow_close, by_a_client_is_given_up_at_close_timeout) {
  std::optional<std::uint16_t> code;
  const auto server = serve(
      [&](connection& ws) -> task<> {
        co_await ws.close(4000, "go");
        code = ws.close_code();
      },
      "127.0.0.1", 0, {.close_timeout = 30ms});
  run_test([&]() -> task<> {
    auto client = co_await connect_raw(server);
    const auto bytes = co_await client.read_to_end();
    EXPECT_EQ(bytes, close_frame(side::server, 4000, "go"));
    while (!code) co_await sleep_for(1ms);
    EXPECT_EQ(code, 1006);
  });
}

TEST(slow_close, by_a_server_that_keeps_tcp_open_is_given_up_at_close_timeout) {
  event done;
  const raw_server server([&](raw_peer& peer) {
    peer.accept_handshake();
    peer.read_some();
    peer.write(close_frame(side::server, 1000));
    done.wait();
  });
  run_test([&]() -> task<> {
    const auto uri = server.uri();
    auto ws = co_await connect(uri, {.close_timeout = 30ms});
    co_await ws.close();
    EXPECT_EQ(ws.close_code(), 1000);
  });
  done.set();
}

TEST(half_open_tcp, of_a_client_is_found_by_keepalive) {
  std::string end;
  const auto server = serve(
      [&](connection& ws) -> task<> {
        end = co_await failure_of([&]() -> task<> { co_await ws.recv(); });
      },
      "127.0.0.1", 0, {.ping_interval = 20ms, .ping_timeout = 20ms, .close_timeout = 20ms});
  run_test([&]() -> task<> {
    const auto client = co_await connect_raw(server);  // and silence
    while (end.empty()) co_await sleep_for(1ms);
  });
  EXPECT_EQ(end,
            "closed error: sent 1011 (internal error) keepalive ping timeout; no close frame "
            "received");
}

TEST(half_open_tcp, of_a_server_is_found_by_keepalive) {
  event done;
  const raw_server server([&](raw_peer& peer) {
    peer.accept_handshake();
    done.wait();
  });
  run_test([&]() -> task<> {
    const auto uri = server.uri();
    auto ws =
        co_await connect(uri, {.ping_interval = 20ms, .ping_timeout = 20ms, .close_timeout = 20ms});
    const auto end = co_await failure_of([&]() -> task<> { co_await ws.recv(); });
    EXPECT_EQ(end,
              "closed error: sent 1011 (internal error) keepalive ping timeout; no close frame "
              "received");
  });
  done.set();
}

// --- header flood, request smuggling

TEST(header_flood, is_answered_431_and_ends) {
  const auto server = serve(echo, "127.0.0.1");
  run_test([&]() -> task<> {
    memory_growth memory;
    auto client = co_await raw_client::connect(server.port());
    co_await client.write("GET / HTTP/1.1\r\n");
    for (int i = 0; i < 129; ++i) co_await client.write("A: " + std::string(8'000, 'x') + "\r\n");
    const auto answer = co_await client.read_to_end();
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 431 Request Header Fields Too Large\r\n")) << answer;
    EXPECT_TRUE(answer.ends_with("\r\n\r\nmore than 128 headers\n")) << answer;
    memory.expect_below(6 * mebibyte);
  });
}

TEST(header_flood, of_a_server_ends_the_handshake) {
  const raw_server server([](raw_peer& peer) {
    peer.read_until("\r\n\r\n");
    peer.write("HTTP/1.1 101 OK\r\n");
    for (int i = 0; i < 129; ++i) peer.write("A: " + std::string(8'000, 'x') + "\r\n");
  });
  run_test([&]() -> task<> {
    memory_growth memory;
    const auto end = co_await failure_of([&]() -> task<> {
      const auto uri = server.uri();
      auto ws = co_await connect(uri);
    });
    EXPECT_EQ(end, "security: refused HTTP response: more than 128 headers");
    memory.expect_below(6 * mebibyte);
  });
}

TEST(request_smuggling, gets_one_answer_and_the_end) {
  const auto server = serve(echo, "127.0.0.1");
  for (const char* more :
       {"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "Content-Length: 5\r\n",
        "Transfer-Encoding: chunked\r\n", "Content-Length: 0\r\nContent-Length: 5\r\n"}) {
    run_test([&]() -> task<> {
      auto client = co_await raw_client::connect(server.port());
      co_await client.write(upgrade_request(more) + upgrade_request());
      const auto answer = co_await client.read_to_end();
      EXPECT_TRUE(answer.starts_with("HTTP/1.1 400 Bad Request\r\n")) << answer;
      EXPECT_EQ(answer.find("HTTP/1.1", 1), std::string::npos) << answer;
      EXPECT_FALSE(client.was_reset());
    });
  }
}

// --- use after free by re-entrancy

struct deed {
  const char* name;
  std::function<void(memory_connection&)> act;
};

// Runs the deed inside whatever a connection calls of a user's.
void expect_harmless(const deed& deed, side own) {
  SCOPED_TRACE(std::string(deed.name) + (own == side::server ? " of a server" : " of a client"));
  const auto far = protocol::peer_of(own);
  const auto stream = text_frame(far, "a") + ping_frame(far, "b") + pong_frame(far, "c") +
                      text_frame(far, "d") + close_frame(far, 1000);
  using stop_slot = std::optional<std::stop_callback<std::function<void()>>>;
  using place = std::function<void(memory_connection&, const std::function<void()>&, stop_slot&)>;
  const auto ends = [](task<> (*call)(connection&)) -> place {
    return [call](memory_connection& it, const std::function<void()>& act, stop_slot&) {
      it.start([&it, call, act]() -> task<> {
        co_await failure_of([&]() -> task<> { co_await call(it.ws()); });
        act();
      });
    };
  };
  const std::vector<place> places{
      ends([](connection& ws) -> task<> { co_await ws.recv(); }),
      ends([](connection& ws) -> task<> { co_await ws.next(); }),
      ends([](connection& ws) -> task<> { co_await ws.ping(as_bytes("c")); }),
      ends([](connection& ws) -> task<> {
        const std::string large(300'000, 'x');
        co_await ws.send(large);
      }),
      ends([](connection& ws) -> task<> { co_await ws.close(); }),
      ends([](connection& ws) -> task<> { co_await ws.wait_closed(); }),
      [](memory_connection& it, const std::function<void()>& act, stop_slot& callback) {
        callback.emplace(it.ws().stop_token(), act);
      }};
  for (std::size_t where = 0; where < places.size(); ++where) {
    for (const std::size_t chunk : {std::size_t{1}, memory_peer::unlimited}) {
      for (const std::size_t room : {std::size_t{0}, memory_peer::unlimited}) {
        memory_connection it({.side = own});
        it.peer.set_room(room);
        // Someone else who waits at the same time.
        it.start([&it]() -> task<> { co_await it.ws().wait_closed(); });
        stop_slot callback;
        bool acted = false;
        const std::function<void()> act = [&] {
          acted = true;
          deed.act(it);
        };
        places[where](it, act, callback);
        it.feed(stream, chunk);
        it.peer.set_room(memory_peer::unlimited);
        it.peer.pump();
        it.peer.send_eof();
        it.peer.pump();
        EXPECT_TRUE(acted) << where;
        EXPECT_TRUE(it.run_until([&] { return it.tasks.running() == 0; })) << where;
      }
    }
  }
  EXPECT_EQ(io::loop::current().kept(), 0U);
}

TEST(reentrancy, of_anything_in_any_place_is_harmless) {
  const std::vector<deed> deeds{
      {"abort", [](memory_connection& it) { it.ws().abort(); }},
      {"destruction", [](memory_connection& it) { it.drop(); }},
      {"a start of closing",
       [](memory_connection& it) {
         it.start([&it]() -> task<> { co_await it.ws().close(4000, "again"); });
       }},
      {"a move",
       [](memory_connection& it) {
         connection moved = std::move(it.ws());
         it.ws() = std::move(moved);
       }},
      {"a destruction of what was moved",
       [](memory_connection& it) {
         { const connection moved = std::move(it.ws()); }
         it.drop();
       }},
  };
  for (const deed& each : deeds) {
    for (const side own : {side::server, side::client}) expect_harmless(each, own);
  }
}

// --- EMFILE, ENOBUFS

TEST(accept_failure, of_any_kind_loses_nobody) {
  const auto server = serve(echo, "127.0.0.1");
  for (const int error : {ENOBUFS, ENOMEM, EMFILE, ENFILE, ECONNABORTED, EPERM, EPROTO}) {
    accept_error = error;
    failing_accepts = 1;
    run_test([&]() -> task<> {
      const auto uri = uri_of(server);
      auto ws = co_await connect(uri);
      co_await ws.send("here");
      auto reply = co_await ws.recv();
      EXPECT_EQ(reply.text(), "here");
    });
    EXPECT_EQ(failing_accepts, 0) << error;
  }
}

// --- terminal escape injection in logs

TEST(escape_injection, into_a_log_is_escaped) {
  std::vector<std::string> records;
  const auto server = serve(
      [](connection& ws) -> task<> {
        auto message = co_await ws.recv();
        throw std::runtime_error(std::string(message.text()));
      },
      "127.0.0.1", 0,
      {.logger = [&](const log_record& record) { records.emplace_back(record.message); }});
  run_test([&]() -> task<> {
    const auto uri = uri_of(server);
    auto ws = co_await connect(uri);
    co_await ws.send(
        "\x1B]0;evil\x07\r\nduplex: error: forged\xC2\x9B"
        "2J");
    co_await ws.wait_closed();
    auto client = co_await raw_client::connect(server.port());
    co_await client.write("GET /\x1B[2J HTTP/1.1\r\n\r\n");
    co_await client.read_to_end();
  });
  std::string all;
  for (const auto& each : records) {
    for (const char c : each) EXPECT_TRUE(c >= 0x20 && c != 0x7F) << each;
    all += each + "\n";
  }
  EXPECT_NE(all.find("\\x1b]0;evil\\x07\\r\\nduplex: error: forged\\x9b2J"), std::string::npos)
      << all;
}

}  // namespace
}  // namespace duplex::test
