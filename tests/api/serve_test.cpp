// A server over loopback: where it listens, what it refuses, what becomes of its handlers.
#include <algorithm>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <duplex/client.hpp>
#include <duplex/server.hpp>

#include "log_book.hpp"
#include "raw_client.hpp"
#include "support.hpp"

namespace duplex::test {
namespace {

std::string uri_of(const server& server, std::string_view host = "127.0.0.1") {
  return "ws://" + std::string(host) + ":" + std::to_string(server.port());
}

// --- where

TEST(serve, listens_on_every_address_of_a_host_with_one_port) {
  for (const char* host : {"127.0.0.1", "::1", "localhost", ""}) {
    const auto server = serve(echo, host);
    ASSERT_FALSE(server.sockets().empty());
    EXPECT_NE(server.port(), 0);
    for (const auto& each : server.sockets()) EXPECT_EQ(each.port, server.port());
    run_test([&]() -> task<> {
      for (const auto& each : server.sockets()) {
        const bool ipv6 = each.host.find(':') != std::string::npos;
        const auto uri = uri_of(server, ipv6 ? "[::1]" : "127.0.0.1");
        auto ws = co_await connect(uri);
        co_await ws.send("hello");
        auto reply = co_await ws.recv();
        EXPECT_EQ(reply.text(), "hello");
        co_await ws.close();
      }
    });
  }
}

TEST(serve, listens_on_one_family_where_told) {
  const auto ipv4 = serve(echo, "localhost", 0, {.family = address_family::ipv4});
  ASSERT_EQ(ipv4.sockets().size(), 1u);
  EXPECT_EQ(ipv4.sockets()[0].host, "127.0.0.1");
  const auto ipv6 = serve(echo, "", 0, {.family = address_family::ipv6});
  ASSERT_EQ(ipv6.sockets().size(), 1u);
  EXPECT_EQ(ipv6.sockets()[0].host, "::");
}

TEST(serve, fails_where_the_port_is_taken) {
  const auto first = serve(echo, "127.0.0.1");
  const auto failure = failure_now([&] { serve(echo, "127.0.0.1", first.port()); });
  EXPECT_EQ(failure, "system: cannot listen on 127.0.0.1:" + std::to_string(first.port()) +
                         ": address already in use");
}

TEST(serve, shares_a_port_where_both_ask_for_it) {
  const auto first = serve(echo, "127.0.0.1", 0, {.reuse_port = true});
  const auto second = serve(echo, "127.0.0.1", first.port(), {.reuse_port = true});
  EXPECT_EQ(first.port(), second.port());
}

TEST(serve, fails_where_the_host_is_not_here) {
  EXPECT_EQ(failure_now([] { serve(echo, "203.0.113.1"); }),
            "system: cannot listen on 203.0.113.1:0: cannot assign requested address");
  const auto unknown = failure_now([] { serve(echo, "no-such-host.invalid"); });
  EXPECT_TRUE(unknown.starts_with("system: cannot resolve 'no-such-host.invalid': ")) << unknown;
}

TEST(serve, refuses_ports_that_are_none) {
  EXPECT_EQ(failure_now([] { serve(echo, "127.0.0.1", 70'000); }),
            "invalid argument: port must be from 0 to 65535, got 70000");
  EXPECT_EQ(failure_now([] { serve(echo, "127.0.0.1", -1); }),
            "invalid argument: port must be from 0 to 65535, got -1");
}

TEST(serve, refuses_options_that_make_no_sense_by_name) {
  const auto failure = [](serve_options options) {
    return failure_now([&] { serve(echo, "127.0.0.1", 0, std::move(options)); });
  };
  EXPECT_EQ(failure({.subprotocols = {"fine", "not fine"}}),
            "invalid argument: a subprotocol must be a token, got 'not fine'");
  EXPECT_EQ(failure({.additional_headers = {{"Upgrade", "h2c"}}}),
            "invalid argument: header Upgrade is the handshake's own");
  EXPECT_EQ(failure({.additional_headers = {{"sec-websocket-accept", "x"}}}),
            "invalid argument: header sec-websocket-accept is the handshake's own");
  EXPECT_EQ(failure({.server_header = "two\r\nlines"}),
            "invalid argument: server_header must be the value of a header, got 'two\\r\\nlines'");
  EXPECT_EQ(failure({.open_timeout = 0s}),
            "invalid argument: open_timeout must be positive, got 0s");
  EXPECT_EQ(failure({.ping_interval = -1s}),
            "invalid argument: ping_interval must be positive, got -1s");
  EXPECT_EQ(failure({.ping_timeout = 0ms}),
            "invalid argument: ping_timeout must be positive, got 0s");
  EXPECT_EQ(failure({.close_timeout = -5ms}),
            "invalid argument: close_timeout must be positive, got -5ms");
  EXPECT_EQ(failure({.max_queue = {1, 2}}),
            "invalid argument: max_queue must be a high mark and a low one, got 1 and 2");
  EXPECT_EQ(failure({.max_queue = 0}),
            "invalid argument: max_queue must be positive, or nullopt for no limit, got 0");
  EXPECT_EQ(failure({.read_limit = 0}), "invalid argument: read_limit must be positive, got 0");
  EXPECT_EQ(failure({.write_limit = {1, 2}}),
            "invalid argument: write_limit must be a high mark and a low one, got 1 and 2");
  EXPECT_EQ(failure({.backlog = 0}), "invalid argument: backlog must be positive, got 0");
  EXPECT_EQ(failure_now([] { serve(nullptr, "127.0.0.1"); }),
            "invalid argument: serve needs a handler");
  EXPECT_THROW((headers{{"X-Split", "a\r\nSet-Cookie: b"}}), std::invalid_argument);
}

// --- what it answers

TEST(handshake, answers_with_the_headers_of_the_options) {
  const auto server =
      serve(echo, "127.0.0.1", 0,
            {.additional_headers = {{"X-One", "1"}, {"Set-Cookie", "a"}, {"Set-Cookie", "b"}},
             .server_header = "mine/1"});
  run_test([&]() -> task<> {
    auto client = co_await raw_client::connect(server.port());
    co_await client.write(upgrade_request());
    auto head = co_await client.read_until("\r\n\r\n");
    EXPECT_EQ(head,
              "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
              "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nX-One: 1\r\nSet-Cookie: a\r\n"
              "Set-Cookie: b\r\nServer: mine/1\r\n\r\n");
  });
}

TEST(handshake, names_the_server_only_where_wanted) {
  const auto server_of = [](serve_options options) {
    const auto server = serve(echo, "127.0.0.1", 0, std::move(options));
    std::vector<std::string> values;
    run_test([&]() -> task<> {
      const auto uri = uri_of(server);
      auto ws = co_await connect(uri);
      for (const auto& [name, value] : ws.response().headers) {
        if (name == "Server") values.push_back(value);
      }
      co_await ws.close();
    });
    return values;
  };
  const std::string agent(connect_options::default_user_agent());
  EXPECT_EQ(server_of({}), std::vector<std::string>{agent});
  EXPECT_EQ(server_of({.server_header = std::nullopt}), std::vector<std::string>{});
  EXPECT_EQ(server_of({.additional_headers = {{"Server", "theirs"}}}),
            std::vector<std::string>{"theirs"});
}

TEST(handshake, shows_the_handler_what_the_client_asked_for) {
  std::string target, origin, agent, extra, path, query;
  const auto server = serve(
      [&](connection& ws) -> task<> {
        const auto& request = ws.request();
        target = request.target;
        path = request.path();
        query = request.query();
        origin = request.headers.get("Origin").value_or("none");
        agent = request.headers.get("User-Agent").value_or("none");
        extra = request.headers.get("X-Extra").value_or("none");
        EXPECT_EQ(ws.response().status, 101);
        EXPECT_EQ(ws.local_address().host, "127.0.0.1");
        co_return;
      },
      "127.0.0.1");
  run_test([&]() -> task<> {
    const auto uri = uri_of(server) + "/path?key=value";
    auto ws = co_await connect(uri, {.origin = "https://example.com",
                                     .additional_headers = {{"X-Extra", "extra"}},
                                     .user_agent_header = std::nullopt});
    co_await ws.wait_closed();
    EXPECT_EQ(ws.request().target, "/path?key=value");
  });
  EXPECT_EQ(target, "/path?key=value");
  EXPECT_EQ(path, "/path");
  EXPECT_EQ(query, "key=value");
  EXPECT_EQ(origin, "https://example.com");
  EXPECT_EQ(agent, "none");
  EXPECT_EQ(extra, "extra");
}

TEST(subprotocol, is_the_first_of_the_servers_that_the_client_offers) {
  std::string chosen;
  const auto server = serve(
      [&](connection& ws) -> task<> {
        chosen = ws.subprotocol().value_or("none");
        co_return;
      },
      "127.0.0.1", 0, {.subprotocols = {"v3", "v2", "v1"}});
  run_test([&]() -> task<> {
    const auto uri = uri_of(server);
    auto ws = co_await connect(uri, {.subprotocols = {"v1", "other", "v2"}});
    EXPECT_EQ(ws.subprotocol(), "v2");
    co_await ws.wait_closed();
  });
  EXPECT_EQ(chosen, "v2");
}

TEST(subprotocol, of_neither_is_refused_with_those_supported) {
  bool handled = false;
  const auto server = serve(
      [&](connection&) -> task<> {
        handled = true;
        co_return;
      },
      "127.0.0.1", 0, {.subprotocols = {"v3", "v2"}});
  run_test([&]() -> task<> {
    const auto uri = uri_of(server);
    for (const bool offers : {true, false}) {
      std::string body;
      int status = 0;
      try {
        if (offers) {
          auto ws = co_await connect(uri, {.subprotocols = {"v1"}});
        } else {
          auto ws = co_await connect(uri);
        }
      } catch (const invalid_status& refused) {
        status = refused.response().status;
        body = refused.response().body;
      }
      EXPECT_EQ(status, 400);
      EXPECT_NE(body.find("v3, v2"), std::string::npos) << body;
    }
  });
  EXPECT_FALSE(handled);
}

TEST(subprotocol, offered_to_a_server_without_any_is_ignored) {
  const auto server = serve(echo, "127.0.0.1");
  run_test([&]() -> task<> {
    const auto uri = uri_of(server);
    auto ws = co_await connect(uri, {.subprotocols = {"v1"}});
    EXPECT_EQ(ws.subprotocol(), std::nullopt);
    co_await ws.close();
  });
}

struct refusal {
  std::string name, request, status, header;
};

class refused : public testing::TestWithParam<refusal> {};

std::string replaced(std::string text, std::string_view from, std::string_view to) {
  text.replace(text.find(from), from.size(), to);
  return text;
}

INSTANTIATE_TEST_SUITE_P(
    handshake, refused,
    testing::Values(
        refusal{"method", replaced(upgrade_request(), "GET", "POST"), "405 Method Not Allowed",
                "Allow: GET\r\n"},
        refusal{"version_of_http", replaced(upgrade_request(), "HTTP/1.1", "HTTP/1.0"),
                "505 HTTP Version Not Supported", ""},
        refusal{"missing_upgrade", replaced(upgrade_request(), "Upgrade: websocket\r\n", ""),
                "426 Upgrade Required", "Upgrade: websocket\r\n"},
        refusal{"missing_connection", replaced(upgrade_request(), "Connection: Upgrade\r\n", ""),
                "426 Upgrade Required", "Upgrade: websocket\r\n"},
        refusal{"version_of_websocket", replaced(upgrade_request(), "Version: 13", "Version: 8"),
                "426 Upgrade Required", "Sec-WebSocket-Version: 13\r\n"},
        refusal{"key", replaced(upgrade_request(), "dGhlIHNhbXBsZSBub25jZQ==", "short"),
                "400 Bad Request", ""},
        refusal{"missing_host", replaced(upgrade_request(), "Host: server.example.com\r\n", ""),
                "400 Bad Request", ""},
        refusal{"body", upgrade_request("Content-Length: 5\r\n") + "hello", "400 Bad Request", ""},
        refusal{"chunked_body", upgrade_request("Transfer-Encoding: chunked\r\n"),
                "400 Bad Request", ""},
        refusal{"long_request_line", "GET /" + std::string(10'000, 'a') + " HTTP/1.1\r\n",
                "414 URI Too Long", ""},
        refusal{"long_header", upgrade_request("X-Long: " + std::string(10'000, 'a') + "\r\n"),
                "431 Request Header Fields Too Large", ""},
        refusal{"no_http", "\x16\x03\x01 hello\r\n\r\n", "400 Bad Request", ""}),
    [](const auto& each) { return each.param.name; });

TEST_P(refused, over_the_wire_with_its_status_and_the_end_of_tcp) {
  bool handled = false;
  log_book book;
  const auto server = serve(
      [&](connection&) -> task<> {
        handled = true;
        co_return;
      },
      "127.0.0.1", 0, {.server_header = "mine", .logger = book.sink()});
  run_test([&]() -> task<> {
    auto client = co_await raw_client::connect(server.port());
    co_await client.write(GetParam().request);
    auto answer = co_await client.read_to_end();
    EXPECT_FALSE(client.was_reset());
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 " + GetParam().status + "\r\n")) << answer;
    for (const std::string_view header :
         {std::string_view(GetParam().header), std::string_view("Connection: close\r\n"),
          std::string_view("Content-Type: text/plain; charset=utf-8\r\n"),
          std::string_view("Server: mine\r\n")}) {
      EXPECT_NE(answer.find(header), std::string::npos) << header << " in " << answer;
    }
    EXPECT_GT(answer.size(), answer.find("\r\n\r\n") + 8);  // a body says why
  });
  EXPECT_FALSE(handled);
  EXPECT_EQ(
      book.count_like("info: connection rejected (" + GetParam().status + ") for 127.0.0.1:", ""),
      1u);
}

TEST(handshake, may_come_byte_by_byte_with_frames_behind_it) {
  const auto server = serve(echo, "127.0.0.1");
  const auto frames = text_frame(side::client, "first") + text_frame(side::client, "second");
  run_test([&]() -> task<> {
    auto slow = co_await raw_client::connect(server.port());
    for (const char byte : upgrade_request() + frames) co_await slow.write(std::string(1, byte));
    auto quick = co_await raw_client::connect(server.port());
    co_await quick.write(upgrade_request() + frames);
    for (auto* client : {&slow, &quick}) {
      auto head = co_await client->read_until("\r\n\r\n");
      EXPECT_TRUE(head.starts_with("HTTP/1.1 101 "));
      auto answer = co_await client->read(7 + 8);
      EXPECT_EQ(answer, text_frame(side::server, "first") + text_frame(side::server, "second"));
    }
  });
}

TEST(slow_handshake, is_dropped_at_open_timeout_and_others_are_served) {
  const auto server = serve(echo, "127.0.0.1", 0, {.open_timeout = 500ms});
  run_test([&]() -> task<> {
    const auto start = std::chrono::steady_clock::now();
    auto silent = co_await raw_client::connect(server.port());
    auto slow = co_await raw_client::connect(server.port());
    co_await slow.write(upgrade_request().substr(0, 100));
    const auto uri = uri_of(server);
    auto ws = co_await connect(uri);
    auto nothing = co_await silent.read_to_end();
    EXPECT_EQ(nothing, "");
    nothing = co_await slow.read_to_end();
    EXPECT_EQ(nothing, "");
    EXPECT_GE(std::chrono::steady_clock::now() - start, 500ms);
    co_await ws.send("still here");
    auto reply = co_await ws.recv();
    EXPECT_EQ(reply.text(), "still here");
    co_await ws.close();
  });
}

// --- handlers

struct handled {
  std::uint16_t code;
  std::string reason;
  std::vector<std::string> errors;
};

// Connects once to a server with the handler and tells what became of it.
handled outcome_of(connection_handler handler) {
  log_book book;
  handled result;
  auto server = serve(std::move(handler), "127.0.0.1", 0, {.logger = book.sink()});
  run_test([&]() -> task<> {
    const auto uri = uri_of(server);
    auto ws = co_await connect(uri);
    co_await ws.wait_closed();
    result.code = ws.close_code().value_or(0);
    result.reason = ws.close_reason();
    server.close();
    co_await server.wait_closed();
  });
  for (const auto& each : book.lines) {
    if (each.starts_with("error") || each.starts_with("warning")) result.errors.push_back(each);
  }
  return result;
}

TEST(handler, that_returns_closes_with_1000) {
  const auto [code, reason, errors] = outcome_of([](connection&) -> task<> { co_return; });
  EXPECT_EQ(code, 1000);
  EXPECT_EQ(reason, "");
  EXPECT_EQ(errors, std::vector<std::string>{});
}

TEST(handler, that_throws_is_logged_and_closes_with_1011) {
  const auto [code, reason, errors] = outcome_of([](connection& ws) -> task<> {
    co_await ws.send("soon");
    throw std::runtime_error("boom\n\x1b[31m");
  });
  EXPECT_EQ(code, 1011);
  EXPECT_EQ(errors, std::vector<std::string>{"error: connection handler failed: boom\\n\\x1b[31m"});
}

TEST(handler, that_throws_anything_is_logged_and_closes_with_1011) {
  const auto [code, reason, errors] = outcome_of([](connection&) -> task<> {
    throw 42;
    co_return;
  });
  EXPECT_EQ(code, 1011);
  EXPECT_EQ(errors,
            std::vector<std::string>{
                "error: connection handler failed with something that is no std::exception"});
}

TEST(handler, that_throws_before_it_is_a_task_is_logged_and_closes_with_1011) {
  const auto [code, reason, errors] =
      outcome_of([](connection&) -> task<> { throw std::runtime_error("no task"); });
  EXPECT_EQ(code, 1011);
  EXPECT_EQ(errors, std::vector<std::string>{"error: connection handler failed: no task"});
}

TEST(handler, that_lets_the_end_of_its_connection_through_has_not_failed) {
  const auto [code, reason, errors] = outcome_of([](connection& ws) -> task<> {
    co_await ws.close(4000, "enough");
    co_await ws.recv();
  });
  EXPECT_EQ(code, 4000);
  EXPECT_EQ(reason, "enough");
  EXPECT_EQ(errors, std::vector<std::string>{});
}

TEST(handler, that_fails_for_the_end_of_another_connection_has_failed) {
  const auto [code, reason, errors] = outcome_of([](connection&) -> task<> {
    throw connection_closed_ok(close_info{1000}, close_info{1000}, true);
    co_return;
  });
  EXPECT_EQ(code, 1011);
  EXPECT_EQ(errors.size(), 1u);
}

TEST(handler, that_closed_its_connection_keeps_its_code) {
  const auto [code, reason, errors] = outcome_of([](connection& ws) -> task<> {
    co_await ws.close(4001, "mine");
    throw std::runtime_error("afterwards");
  });
  EXPECT_EQ(code, 4001);
  EXPECT_EQ(errors, std::vector<std::string>{"error: connection handler failed: afterwards"});
}

TEST(handler, that_aborts_its_connection_ends_it_without_a_word) {
  const auto [code, reason, errors] = outcome_of([](connection& ws) -> task<> {
    ws.abort();
    co_return;
  });
  EXPECT_EQ(code, 1006);
  EXPECT_EQ(errors, std::vector<std::string>{});
}

TEST(handler, sends_its_last_messages_before_the_close) {
  const auto server = serve(
      [](connection& ws) -> task<> {
        for (int i = 0; i < 100; ++i) co_await ws.send(std::to_string(i));
      },
      "127.0.0.1");
  run_test([&]() -> task<> {
    const auto uri = uri_of(server);
    auto ws = co_await connect(uri);
    int count = 0;
    while (auto message = co_await ws.next()) {
      EXPECT_EQ(message->text(), std::to_string(count++));
    }
    EXPECT_EQ(count, 100);
    EXPECT_EQ(ws.close_code(), 1000);
  });
}

TEST(handler, may_move_its_connection_away_and_return) {
  std::optional<connection> taken;
  auto server = serve(
      [&](connection& ws) -> task<> {
        taken.emplace(std::move(ws));
        co_return;
      },
      "127.0.0.1");
  run_test([&]() -> task<> {
    const auto uri = uri_of(server);
    auto ws = co_await connect(uri);
    while (!taken) co_await sleep_for(1ms);
    EXPECT_TRUE(server.connections().empty());
    co_await taken->send("still here");
    auto message = co_await ws.recv();
    EXPECT_EQ(message.text(), "still here");
    taken.reset();
    const auto end = co_await failure_of([&]() -> task<> { co_await ws.recv(); });
    EXPECT_EQ(end, "closed ok: received 1000 (OK); then sent 1000 (OK)");
  });
}

TEST(log_sink, that_throws_harms_nothing) {
  const auto server =
      serve(echo, "127.0.0.1", 0,
            {.logger = [](const log_record&) { throw std::runtime_error("a broken sink"); }});
  run_test([&]() -> task<> {
    const auto uri = uri_of(server);
    auto ws = co_await connect(uri);
    co_await ws.send("hello");
    auto reply = co_await ws.recv();
    EXPECT_EQ(reply.text(), "hello");
    co_await ws.close();
  });
}

TEST(log_sink, is_told_of_listening_opening_and_closing_with_the_connections_id) {
  log_book book;
  std::string id, peer;
  auto server = serve(
      [&](connection& ws) -> task<> {
        id = ws.id();
        peer = to_string(ws.remote_address());
        co_await echo(ws);
      },
      "127.0.0.1", 0, {.logger = book.sink()});
  run_test([&]() -> task<> {
    const auto uri = uri_of(server);
    auto ws = co_await connect(uri);
    co_await ws.close();
    while (book.count_like("info: connection closed", "") == 0) co_await sleep_for(1ms);
    server.close();
    co_await server.wait_closed();
    co_await server.wait_closed();
  });
  EXPECT_EQ(book.lines, (std::vector<std::string>{
                            "info: server listening on 127.0.0.1:" + std::to_string(server.port()),
                            "info: connection open with " + peer,
                            "info: connection closed with " + peer +
                                ": received 1000 (OK); then sent 1000 (OK)",
                            "info: server closing", "info: server closed"}));
  EXPECT_EQ(book.ids, (std::vector<std::string>{"", id, id, "", ""}));
}

TEST(server, serves_many_at_once) {
  const auto server = serve(echo, "127.0.0.1");
  const auto uri = uri_of(server);
  run_test([&]() -> task<> {
    std::vector<connection> open;
    for (int i = 0; i < 100; ++i) {
      auto ws = co_await connect(uri);
      open.push_back(std::move(ws));
    }
    EXPECT_EQ(server.connections().size(), 100u);
    for (std::size_t i = 0; i < open.size(); ++i) co_await open[i].send(std::to_string(i));
    for (std::size_t i = 0; i < open.size(); ++i) {
      auto reply = co_await open[i].recv();
      EXPECT_EQ(reply.text(), std::to_string(i));
    }
    std::vector<std::string> ids;
    for (auto* each : server.connections()) ids.push_back(each->id());
    std::sort(ids.begin(), ids.end());
    EXPECT_EQ(std::unique(ids.begin(), ids.end()), ids.end());
    for (auto& each : open) co_await each.close();
  });
}

}  // namespace
}  // namespace duplex::test
