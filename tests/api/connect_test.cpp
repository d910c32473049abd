// Connecting: what can go wrong, and what the connection then knows.
#include <atomic>
#include <regex>
#include <string>

#include <gtest/gtest.h>

#include <duplex/client.hpp>
#include <duplex/protocol/handshake.hpp>
#include <duplex/server.hpp>

#include "support.hpp"
#include "support/raw_server.hpp"

namespace duplex::test {
namespace {

// What connecting throws; the options live as long as the call.
std::string connect_failure(const std::string& uri, const connect_options& options = {}) {
  std::string failure;
  run_test([&]() -> task<> {
    failure = co_await failure_of([&]() -> task<> { co_await connect(uri, options); });
  });
  return failure;
}

// The port of a server that is gone.
std::uint16_t free_port() {
  const auto server = serve(echo, "127.0.0.1");
  return server.port();
}

TEST(connect, fails_where_nobody_listens) {
  const auto port = std::to_string(free_port());
  EXPECT_EQ(connect_failure("ws://127.0.0.1:" + port),
            "system: cannot connect to 127.0.0.1:" + port + ": connection refused");
}

TEST(connect, fails_where_the_name_is_unknown) {
  const auto failure = connect_failure("ws://no-such-host.invalid/");
  EXPECT_TRUE(failure.starts_with("system: cannot resolve 'no-such-host.invalid': ")) << failure;
}

TEST(connect, refuses_what_is_no_uri_at_the_call) {
  EXPECT_EQ(
      failure_now([] { connect("http://localhost/").operator co_await(); }),
      "invalid uri: 'http://localhost/' is not a valid WebSocket URI: the scheme is not ws or "
      "wss");
}

TEST(connect, refuses_options_that_make_no_sense_by_name_at_the_call) {
  const auto failure = [](const connect_options& options) {
    return failure_now([&] { auto unused = connect("ws://localhost", options); });
  };
  EXPECT_EQ(failure({.origin = "two\nlines"}).substr(0, 17), "invalid argument:");
  EXPECT_EQ(failure({.subprotocols = {"not fine"}}),
            "invalid argument: a subprotocol must be a token, got 'not fine'");
  EXPECT_EQ(failure({.additional_headers = {{"Connection", "close"}}}),
            "invalid argument: header Connection is the handshake's own");
  EXPECT_EQ(failure({.additional_headers = {{"X", "a\r\nY: b"}}}).substr(0, 17),
            "invalid argument:");
  EXPECT_EQ(failure({.user_agent_header = "two\nlines"}).substr(0, 17), "invalid argument:");
  EXPECT_EQ(failure({.open_timeout = 0s}),
            "invalid argument: open_timeout must be positive, got 0s");
  EXPECT_EQ(failure({.ping_interval = 0s}),
            "invalid argument: ping_interval must be positive, got 0s");
  EXPECT_EQ(failure({.ping_timeout = -2us}),
            "invalid argument: ping_timeout must be positive, got -2us");
  EXPECT_EQ(failure({.close_timeout = 0s}),
            "invalid argument: close_timeout must be positive, got 0s");
  EXPECT_EQ(failure({.max_queue = 0}),
            "invalid argument: max_queue must be positive, or nullopt for no limit, got 0");
  EXPECT_EQ(failure({.read_limit = 0}), "invalid argument: read_limit must be positive, got 0");
  EXPECT_EQ(failure({.write_limit = {1, 2}}),
            "invalid argument: write_limit must be a high mark and a low one, got 1 and 2");
  EXPECT_EQ(failure({.host = ""}), "invalid argument: host must be a name or an address, got ''");
  EXPECT_EQ(failure({.port = 70'000}), "invalid argument: port must be 1 to 65535, got 70000");
}

TEST(connect, fails_with_the_answer_of_a_server_of_something_else) {
  for (const std::string status : {"200 OK", "404 Not Found"}) {
    raw_server server([&](raw_peer& peer) {
      peer.read_until("\r\n\r\n");
      peer.write("HTTP/1.1 " + status + "\r\nContent-Length: 6\r\nX-Name: value\r\n\r\nhello\n");
    });
    const auto uri = server.uri();
    run_test([&]() -> task<> {
      try {
        auto ws = co_await connect(uri);
        ADD_FAILURE() << "connected";
      } catch (const invalid_status& problem) {
        EXPECT_EQ(std::to_string(problem.response().status) + " " + problem.response().reason,
                  status);
        EXPECT_EQ(problem.response().body, "hello\n");
        EXPECT_EQ(problem.response().headers.get("X-Name"), "value");
      }
    });
  }
}

TEST(connect, fails_where_the_answer_is_garbage) {
  raw_server server([](raw_peer& peer) { peer.write("SSH-2.0-OpenSSH_9.2\r\n"); });
  EXPECT_EQ(connect_failure(server.uri()), "invalid message: invalid HTTP status line");
}

TEST(connect, fails_where_the_server_leaves_without_an_answer) {
  raw_server server([](raw_peer& peer) {
    peer.read_until("\r\n\r\n");
    peer.half_close();
    peer.read_some();
  });
  EXPECT_EQ(connect_failure(server.uri()),
            "invalid message: the connection ended before a valid HTTP response");
}

TEST(connect, fails_where_the_server_resets) {
  raw_server server([](raw_peer& peer) {
    peer.read_until("\r\n\r\n");
    peer.reset();
  });
  EXPECT_EQ(connect_failure(server.uri()), "system: reading: Connection reset by peer");
}

TEST(connect, fails_where_the_key_was_not_understood) {
  raw_server server([](raw_peer& peer) {
    peer.read_until("\r\n\r\n");
    peer.write(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n");
    peer.read_some();
  });
  EXPECT_EQ(connect_failure(server.uri()).substr(0, 45),
            "invalid header: invalid Sec-WebSocket-Accept ");
}

TEST(connect, fails_where_the_subprotocol_was_not_offered) {
  raw_server server([](raw_peer& peer) {
    peer.accept_handshake("unasked");
    peer.read_some();
  });
  EXPECT_EQ(connect_failure(server.uri(), {.subprotocols = {"asked"}}),
            "negotiation: unexpected subprotocol 'unasked'");
}

TEST(connect, gives_a_silent_server_up_at_open_timeout) {
  raw_server server([](raw_peer& peer) {
    peer.read_until("\r\n\r\n");
    EXPECT_EQ(peer.read_some(), "");  // the client hangs up
  });
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(connect_failure(server.uri("/path?token=secret"), {.open_timeout = 50ms}),
            "timeout: opening a connection to " + server.uri("/path") +
                " took longer than open_timeout, 50ms");
  EXPECT_GE(std::chrono::steady_clock::now() - start, 50ms);
}

TEST(connect, gives_a_dripping_server_up_at_open_timeout) {
  raw_server server([](raw_peer& peer) {
    peer.read_until("\r\n\r\n");
    try {
      peer.write("HTTP/1.1 101 Switching Protocols\r\n");
      for (;;) {
        peer.write("X-Drip: 1\r\n");
        std::this_thread::yield();
      }
    } catch (const std::system_error&) {  // the client hung up
    }
  });
  const auto failure = connect_failure(server.uri(), {.open_timeout = 50ms});
  // Whichever comes first: the time, or the limit of 128 headers.
  EXPECT_TRUE(failure.starts_with("timeout: ") || failure.find("headers") != std::string::npos)
      << failure;
}

TEST(connect, keeps_frames_that_came_with_the_answer) {
  raw_server server([](raw_peer& peer) {
    const auto request = peer.read_until("\r\n\r\n");
    protocol::server_handshake handshake;
    handshake.receive_data(as_bytes(request));
    const auto answer = protocol::server_handshake::accept(*handshake.next_request());
    peer.write(protocol::write_response(answer) + text_frame(side::server, "early") +
               text_frame(side::server, "bird") + close_frame(side::server, 1000));
    peer.half_close();
    while (!peer.read_some().empty()) continue;
  });
  const auto uri = server.uri();
  run_test([&]() -> task<> {
    auto ws = co_await connect(uri);
    std::string received;
    while (auto message = co_await ws.next()) received += message->text();
    EXPECT_EQ(received, "earlybird");
  });
}

TEST(connect, goes_where_the_options_say_with_the_host_of_the_uri) {
  std::string host;
  const auto server = serve(
      [&](connection& ws) -> task<> {
        host = ws.request().headers.get("Host").value_or("");
        co_return;
      },
      "127.0.0.1");
  run_test([&]() -> task<> {
    auto ws = co_await connect("ws://example.com/", {.host = "127.0.0.1", .port = server.port()});
    co_await ws.wait_closed();
  });
  EXPECT_EQ(host, "example.com");
}

TEST(connect, needs_nothing_of_its_arguments_after_the_call) {
  std::string protocol_seen, header_seen, target;
  const auto server = serve(
      [&](connection& ws) -> task<> {
        protocol_seen = ws.subprotocol().value_or("");
        header_seen = ws.request().headers.get("X-Long").value_or("");
        target = ws.request().target;
        co_return;
      },
      "127.0.0.1", 0, {.subprotocols = {std::string(100, 'p')}});
  run_test([&]() -> task<> {
    std::optional<task<client_connection>> opening;
    {
      const std::string uri =
          "ws://127.0.0.1:" + std::to_string(server.port()) + "/" + std::string(100, 't');
      const std::string subprotocol(100, 'p'), value(100, 'v');
      const logger silent = [](const log_record&) {};
      opening.emplace(connect(uri, {.subprotocols = {subprotocol},
                                    .additional_headers = {{"X-Long", value}},
                                    .logger = &silent}));
    }
    auto ws = co_await std::move(*opening);
    co_await ws.wait_closed();
  });
  EXPECT_EQ(protocol_seen, std::string(100, 'p'));
  EXPECT_EQ(header_seen, std::string(100, 'v'));
  EXPECT_EQ(target, "/" + std::string(100, 't'));
}

TEST(connect, that_is_given_up_hangs_up) {
  std::atomic<bool> asked = false;
  bool hung_up = false;
  std::optional<raw_server> server;
  server.emplace([&](raw_peer& peer) {
    peer.read_until("\r\n\r\n");
    asked = true;
    hung_up = peer.read_some().empty();
  });
  {
    const auto uri = server->uri();
    test_scope tasks;
    tasks.start([&]() -> task<> { co_await connect(uri); });
    run_test([&]() -> task<> {
      while (!asked) co_await sleep_for(1ms);
    });
  }
  EXPECT_TRUE(run_loop_until([&] { return true; }));  // closes what was dropped
  server.reset();                                     // waits for the peer
  EXPECT_TRUE(hung_up);
}

TEST(client_connection, knows_itself_and_its_peer) {
  std::optional<address> seen_local, seen_remote;
  const auto server = serve(
      [&](connection& ws) -> task<> {
        seen_local = ws.local_address();
        seen_remote = ws.remote_address();
        co_await echo(ws);
      },
      "127.0.0.1");
  run_test([&]() -> task<> {
    const auto uri = "ws://127.0.0.1:" + std::to_string(server.port()) + "/where";
    auto ws = co_await connect(uri);
    EXPECT_EQ(ws.state(), state::open);
    EXPECT_EQ(ws.remote_address(), server.sockets()[0]);
    EXPECT_EQ(ws.request().target, "/where");
    EXPECT_EQ(ws.request().headers.get("User-Agent"), connect_options::default_user_agent());
    EXPECT_EQ(ws.response().status, 101);
    EXPECT_EQ(ws.subprotocol(), std::nullopt);
    EXPECT_EQ(ws.latency(), std::nullopt);
    EXPECT_EQ(ws.close_code(), std::nullopt);
    EXPECT_EQ(ws.close_reason(), "");
    EXPECT_EQ(ws.buffered_amount(), 0u);
    const std::regex uuid("[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}");
    EXPECT_TRUE(std::regex_match(ws.id(), uuid)) << ws.id();
    EXPECT_EQ(ws.id(), ws.id());
    co_await ws.ping();
    EXPECT_TRUE(ws.latency());
    EXPECT_EQ(seen_local, ws.remote_address());
    EXPECT_EQ(seen_remote, ws.local_address());
    const auto local = ws.local_address();
    co_await ws.close();
    EXPECT_EQ(ws.local_address(), local);
  });
}

TEST(client_connection, logs_its_opening_and_its_end) {
  std::vector<std::string> lines;
  const logger sink = [&](const log_record& record) { lines.emplace_back(record.message); };
  const auto server = serve(echo, "127.0.0.1");
  run_test([&]() -> task<> {
    const auto uri = "ws://127.0.0.1:" + std::to_string(server.port());
    auto ws = co_await connect(uri, {.logger = &sink});
    co_await ws.close();
  });
  const std::string peer = "127.0.0.1:" + std::to_string(server.port());
  EXPECT_EQ(lines, (std::vector<std::string>{"connection open with " + peer,
                                             "connection closed with " + peer +
                                                 ": sent 1000 (OK); then received 1000 (OK)"}));
}

}  // namespace
}  // namespace duplex::test
