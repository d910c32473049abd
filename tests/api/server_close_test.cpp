// Closing a server in every state, destroying one, and running one until a signal.
#include <csignal>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <duplex/client.hpp>
#include <duplex/run.hpp>
#include <duplex/server.hpp>

#include "raw_client.hpp"
#include "support.hpp"

namespace duplex::test {
namespace {

std::string uri_of(const server& server) {
  return "ws://127.0.0.1:" + std::to_string(server.port());
}

TEST(server_close, without_connections_is_over_at_once) {
  auto server = serve(echo, "127.0.0.1");
  EXPECT_TRUE(server.is_serving());
  server.close();
  EXPECT_FALSE(server.is_serving());
  EXPECT_NE(server.port(), 0);
  run_test([&]() -> task<> {
    co_await server.serve_forever();
    co_await server.wait_closed();
  });
}

TEST(server_close, says_1001_to_everyone_and_waits_for_the_handlers) {
  int ended = 0;
  auto server = serve(
      [&](connection& ws) -> task<> {
        co_await echo(ws);
        co_await sleep_for(5ms);
        ++ended;
      },
      "127.0.0.1");
  run_test([&]() -> task<> {
    const auto uri = uri_of(server);
    auto first = co_await connect(uri);
    auto second = co_await connect(uri);
    EXPECT_EQ(server.connections().size(), 2u);
    server.close();
    server.close(true, 1012, "too late");
    co_await server.wait_closed();
    EXPECT_EQ(ended, 2);
    EXPECT_TRUE(server.connections().empty());
    for (auto* each : {&first, &second}) {
      const auto end = co_await failure_of([&]() -> task<> { co_await each->recv(); });
      EXPECT_EQ(end, "closed ok: received 1001 (going away); then sent 1001 (going away)");
    }
  });
}

TEST(server_close, says_what_it_is_told_to) {
  auto server = serve(echo, "127.0.0.1");
  run_test([&]() -> task<> {
    const auto uri = uri_of(server);
    auto ws = co_await connect(uri);
    server.close(true, 1012, "back soon");
    co_await ws.wait_closed();
    EXPECT_EQ(ws.close_code(), 1012);
    EXPECT_EQ(ws.close_reason(), "back soon");
  });
}

TEST(server_close, refuses_codes_that_cannot_be_sent_and_goes_on_serving) {
  auto server = serve(echo, "127.0.0.1");
  EXPECT_EQ(failure_now([&] { server.close(true, 1005); }),
            "invalid argument: close code 1005 may not be sent");
  EXPECT_EQ(failure_now([&] { server.close(true, 1001, "\xFF"); }),
            "invalid argument: close reason is not UTF-8");
  EXPECT_TRUE(server.is_serving());
}

TEST(server_close, answers_503_to_handshakes_under_way) {
  auto server = serve(echo, "127.0.0.1");
  run_test([&]() -> task<> {
    auto silent = co_await raw_client::connect(server.port());
    auto begun = co_await raw_client::connect(server.port());
    co_await begun.write(upgrade_request().substr(0, 60));
    // Both are accepted before one that comes later is served.
    const auto uri = uri_of(server);
    auto ws = co_await connect(uri);
    server.close();
    for (auto* client : {&silent, &begun}) {
      auto answer = co_await client->read_to_end();
      EXPECT_TRUE(answer.starts_with("HTTP/1.1 503 Service Unavailable\r\n")) << answer;
      EXPECT_FALSE(client->was_reset());
      client->half_close();
    }
    co_await server.wait_closed();
  });
}

TEST(server_close, in_the_moment_a_connection_opens_reaches_it) {
  std::optional<server> closing;
  const auto close_at_once = [&](const log_record& record) {
    if (record.message.starts_with("connection open")) closing->close();
  };
  closing.emplace(serve(echo, "127.0.0.1", 0, {.logger = close_at_once}));
  run_test([&]() -> task<> {
    const auto uri = uri_of(*closing);
    auto ws = co_await connect(uri);
    co_await closing->wait_closed(10s);
    co_await ws.wait_closed();
    EXPECT_EQ(ws.close_code(), 1001);
  });
}

TEST(server_close, lets_connections_go_on_where_told) {
  auto server = serve(echo, "127.0.0.1");
  run_test([&]() -> task<> {
    const auto uri = uri_of(server);
    auto ws = co_await connect(uri);
    server.close(false);
    EXPECT_FALSE(server.is_serving());
    const auto refused = co_await failure_of([&]() -> task<> { co_await connect(uri); });
    EXPECT_TRUE(refused.ends_with("connection refused")) << refused;
    co_await ws.send("still here");
    auto reply = co_await ws.recv();
    EXPECT_EQ(reply.text(), "still here");
    const auto waiting =
        co_await failure_of([&]() -> task<> { co_await server.wait_closed(10ms); });
    EXPECT_TRUE(waiting.starts_with("timeout: ")) << waiting;
    server.close(true);  // now they go as well
    co_await ws.wait_closed();
    EXPECT_EQ(ws.close_code(), 1001);
    co_await server.wait_closed();
  });
}

TEST(server_close, that_lets_connections_go_on_is_over_with_the_last_handler) {
  bool handled = false;
  auto server = serve(
      [&](connection& ws) -> task<> {
        co_await echo(ws);
        co_await sleep_for(5ms);
        handled = true;
      },
      "127.0.0.1");
  run_test([&]() -> task<> {
    const auto uri = uri_of(server);
    auto ws = co_await connect(uri);
    auto begun = co_await raw_client::connect(server.port());
    co_await begun.write(upgrade_request().substr(0, 60));
    co_await ws.send("both are accepted");
    co_await ws.recv();
    server.close(false);
    auto answer = co_await begun.read_to_end();  // a handshake is no connection yet
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 503 ")) << answer;
    begun.half_close();
    EXPECT_EQ(ws.state(), state::open);
    co_await ws.close();
    co_await server.wait_closed(10s);
    EXPECT_EQ(ws.close_code(), 1000);
    EXPECT_TRUE(handled);
  });
}

TEST(server_close, refuses_who_comes_later_and_frees_the_port) {
  auto server = serve(echo, "127.0.0.1");
  const auto port = server.port();
  server.close();
  run_test([&]() -> task<> {
    const auto uri = uri_of(server);
    const auto refused = co_await failure_of([&]() -> task<> { co_await connect(uri); });
    EXPECT_TRUE(refused.ends_with("connection refused")) << refused;
  });
  const auto next = serve(echo, "127.0.0.1", port);
  EXPECT_EQ(next.port(), port);
}

TEST(server_close, by_a_handler_closes_that_handlers_connection_too) {
  std::optional<server> closing;
  closing.emplace(serve(
      [&](connection& ws) -> task<> {
        co_await ws.recv();
        closing->close();
        co_await echo(ws);
      },
      "127.0.0.1"));
  run_test([&]() -> task<> {
    const auto uri = uri_of(*closing);
    auto ws = co_await connect(uri);
    co_await ws.send("stop");
    co_await ws.wait_closed();
    EXPECT_EQ(ws.close_code(), 1001);
    co_await closing->wait_closed();
  });
}

TEST(server_close, reaches_a_handler_whose_peer_neither_reads_nor_writes) {
  auto server = serve(
      [](connection& ws) -> task<> {
        const std::string large(1 << 20, 'x');
        for (;;) co_await ws.send(large);
      },
      "127.0.0.1", 0, {.close_timeout = 30ms});
  run_test([&]() -> task<> {
    auto client = co_await raw_client::connect(server.port());
    co_await client.write(upgrade_request());
    co_await client.read_until("\r\n\r\n");
    server.close();
    co_await server.wait_closed(10s);
  });
}

TEST(server_close, reaches_connections_that_were_moved_out_of_their_handlers) {
  std::vector<connection> taken;
  auto server = serve(
      [&](connection& ws) -> task<> {
        taken.push_back(std::move(ws));
        co_return;
      },
      "127.0.0.1", 0, {.close_timeout = 30ms});
  run_test([&]() -> task<> {
    const auto uri = uri_of(server);
    auto first = co_await connect(uri);
    auto silent = co_await raw_client::connect(server.port());
    co_await silent.write(upgrade_request());
    co_await silent.read_until("\r\n\r\n");
    while (taken.size() < 2) co_await sleep_for(1ms);
    server.close();
    const auto end = co_await failure_of([&]() -> task<> { co_await first.recv(); });
    EXPECT_EQ(end, "closed ok: received 1001 (going away); then sent 1001 (going away)");
    co_await server.wait_closed(10s);  // bounded for the other by close_timeout
    for (auto& each : taken) EXPECT_EQ(each.state(), state::closed);
  });
}

TEST(destroyed_server, leaves_connections_that_were_moved_out_of_their_handlers) {
  std::optional<connection> taken;
  std::optional<server> server = serve(
      [&](connection& ws) -> task<> {
        taken.emplace(std::move(ws));
        co_return;
      },
      "127.0.0.1");
  run_test([&]() -> task<> {
    const auto uri = uri_of(*server);
    auto ws = co_await connect(uri);
    while (!taken) co_await sleep_for(1ms);
    server.reset();
    co_await taken->send("still here");
    auto message = co_await ws.recv();
    EXPECT_EQ(message.text(), "still here");
    co_await taken->close();
  });
}

TEST(serve_forever, ends_when_someone_closes_the_server) {
  auto server = serve(echo, "127.0.0.1");
  bool ended = false;
  test_scope tasks;
  tasks.start([&]() -> task<> {
    co_await server.serve_forever();
    ended = true;
  });
  io::loop::current().run_ready();
  EXPECT_FALSE(ended);
  server.close();
  io::loop::current().run_ready();
  EXPECT_TRUE(ended);
}

// --- destroying

TEST(destroyed_server, drops_its_connections_and_destroys_its_handlers) {
  struct witness {
    explicit witness(int& counted) : count(counted) { ++count; }
    ~witness() { --count; }
    int& count;
  };
  int running = 0;
  std::optional<server> server;
  server.emplace(serve(
      [&](connection& ws) -> task<> {
        const witness here(running);
        co_await echo(ws);
        co_await sleep_for(1h);
      },
      "127.0.0.1"));
  run_test([&]() -> task<> {
    const auto uri = uri_of(*server);
    auto first = co_await connect(uri);
    auto second = co_await connect(uri);
    auto silent = co_await raw_client::connect(server->port());
    co_await first.send("a");
    co_await first.recv();
    EXPECT_EQ(running, 2);
    server.reset();
    EXPECT_EQ(running, 0);
    co_await first.wait_closed();
    co_await second.wait_closed();
    EXPECT_EQ(first.close_code(), 1006);
    auto nothing = co_await silent.read_to_end();
    EXPECT_EQ(nothing, "");
  });
}

TEST(destroyed_server, ends_those_who_wait_for_it) {
  std::optional<server> server;
  server.emplace(serve(echo, "127.0.0.1"));
  run_test([&]() -> task<> {
    const auto uri = uri_of(*server);
    auto ws = co_await connect(uri);
    int ended = 0;
    test_scope waiting;
    waiting.start([&]() -> task<> {
      co_await server->wait_closed();
      ++ended;
    });
    waiting.start([&]() -> task<> {
      co_await server->serve_forever();
      ++ended;
    });
    co_await pass();
    co_await pass();
    server.reset();
    while (ended != 2) co_await pass();
  });
}

TEST(assigned_server, drops_the_one_it_was) {
  auto server = serve(echo, "127.0.0.1");
  run_test([&]() -> task<> {
    const auto uri = uri_of(server);
    auto ws = co_await connect(uri);
    server = serve(echo, "127.0.0.1");
    co_await ws.wait_closed();
    EXPECT_EQ(ws.close_code(), 1006);
    const auto next_uri = uri_of(server);
    auto next = co_await connect(next_uri);
    co_await next.close();
    EXPECT_EQ(next.close_code(), 1000);
  });
}

// --- run

// Runs a server until the test's client, on the same loop, is done.
struct run_result {
  std::vector<std::uint16_t> codes = {};
  std::chrono::steady_clock::duration time = {};
};

run_result run_and_signal(connection_handler handler, std::vector<int> signals,
                          serve_options options = {}, int clients = 2) {
  run_result result;
  auto server = serve(std::move(handler), "127.0.0.1", 0, std::move(options));
  const auto uri = uri_of(server);
  const auto start = std::chrono::steady_clock::now();
  test_scope tasks;
  int connected = 0;
  for (int i = 0; i < clients; ++i) {
    tasks.start([&]() -> task<> {
      auto ws = co_await connect(uri);
      if (++connected == clients) {
        for (const int each : signals) {
          std::raise(each);
          co_await sleep_for(20ms);
        }
      }
      co_await ws.wait_closed();
      result.codes.push_back(ws.close_code().value_or(0));
    });
  }
  run(std::move(server));
  result.time = std::chrono::steady_clock::now() - start;
  EXPECT_TRUE(run_loop_until([&] { return tasks.running() == 0; }));
  return result;
}

TEST(run_server, until_sigint_says_1001_to_everyone) {
  const auto result = run_and_signal(echo, {SIGINT});
  EXPECT_EQ(result.codes, (std::vector<std::uint16_t>{1001, 1001}));
}

TEST(run_server, until_sigterm_says_1001_to_everyone) {
  const auto result = run_and_signal(echo, {SIGTERM});
  EXPECT_EQ(result.codes, (std::vector<std::uint16_t>{1001, 1001}));
}

TEST(run_server, lets_handlers_finish_their_work) {
  int finished = 0;
  const auto result = run_and_signal(
      [&](connection& ws) -> task<> {
        co_await echo(ws);
        co_await sleep_for(30ms);
        ++finished;
      },
      {SIGTERM});
  EXPECT_EQ(finished, 2);
  EXPECT_EQ(result.codes, (std::vector<std::uint16_t>{1001, 1001}));
}

TEST(run_server, waits_at_most_twice_close_timeout_for_a_handler_that_never_ends) {
  bool destroyed = false;
  struct witness {
    bool& flag;
    ~witness() { flag = true; }
  };
  const auto result = run_and_signal(
      [&](connection&) -> task<> {
        const witness here{destroyed};
        co_await sleep_for(1h);
      },
      {SIGTERM}, {.close_timeout = 50ms}, 1);
  EXPECT_TRUE(destroyed);
  EXPECT_GE(result.time, 100ms);
  EXPECT_LT(result.time, 10s);
}

TEST(run_server, drops_what_is_left_at_the_second_signal) {
  const auto result = run_and_signal([](connection&) -> task<> { co_await sleep_for(1h); },
                                     {SIGINT, SIGINT}, {}, 1);
  EXPECT_LT(result.time, 5s);
}

TEST(run_servers, until_a_signal_says_1001_to_everyone_of_all) {
  auto first = serve(echo, "127.0.0.1"), second = serve(echo, "127.0.0.1");
  const std::vector<std::string> uris{uri_of(first), uri_of(second)};
  std::vector<std::uint16_t> codes;
  std::size_t connected = 0;
  test_scope tasks;
  for (const auto& uri : uris) {
    tasks.start([&]() -> task<> {
      auto ws = co_await connect(uri);
      if (++connected == uris.size()) std::raise(SIGTERM);
      co_await ws.wait_closed();
      codes.push_back(ws.close_code().value_or(0));
    });
  }
  run(std::move(first), std::move(second));
  EXPECT_TRUE(run_loop_until([&] { return tasks.running() == 0; }));
  EXPECT_EQ(codes, (std::vector<std::uint16_t>{1001, 1001}));
}

TEST(run_servers, until_the_last_of_them_is_closed) {
  auto first = serve(echo, "127.0.0.1");
  test_scope tasks;
  bool served = false;
  auto second = serve(
      [&](connection& ws) -> task<> {
        co_await echo(ws);
        served = true;
      },
      "127.0.0.1");
  const auto other = uri_of(second);
  first.close();
  tasks.start([&]() -> task<> {
    auto ws = co_await connect(other);
    co_await ws.close();
    while (!served) co_await sleep_for(1ms);
    std::raise(SIGINT);
  });
  run(std::move(first), std::move(second));
  EXPECT_TRUE(served);
  EXPECT_TRUE(run_loop_until([&] { return tasks.running() == 0; }));
}

TEST(run_servers, waits_twice_the_longest_close_timeout_for_handlers_that_never_end) {
  const connection_handler endless = [](connection&) -> task<> { co_await sleep_for(1h); };
  auto quick = serve(endless, "127.0.0.1", 0, {.close_timeout = 10ms});
  auto slow = serve(endless, "127.0.0.1", 0, {.close_timeout = 60ms});
  const auto uri = uri_of(slow);
  test_scope tasks;
  tasks.start([&]() -> task<> {
    auto ws = co_await connect(uri, {.close_timeout = 10ms});
    std::raise(SIGINT);
    co_await ws.wait_closed();
  });
  const auto start = std::chrono::steady_clock::now();
  run(std::move(quick), std::move(slow));
  EXPECT_GE(std::chrono::steady_clock::now() - start, 120ms);
  EXPECT_TRUE(run_loop_until([&] { return tasks.running() == 0; }));
}

TEST(run_server, inside_a_loop_that_runs_is_refused) {
  run_test([]() -> task<> {
    const auto failure = failure_now([] { run(serve(echo, "127.0.0.1")); });
    EXPECT_EQ(failure, "other: the loop is running already: await instead of running it again");
    co_return;
  });
}

TEST(run_server, leaves_signals_as_they_were) {
  run_and_signal(echo, {SIGTERM}, {}, 1);
  struct sigaction present = {};
  ASSERT_EQ(sigaction(SIGTERM, nullptr, &present), 0);
  EXPECT_EQ(present.sa_handler, SIG_DFL);
}

// --- run a task

TEST(run_task, gives_its_result_or_throws_its_exception) {
  EXPECT_EQ(run([]() -> task<int> { co_return 42; }()), 42);
  int calls = 0;
  auto count = [&]() -> task<> {
    ++calls;
    co_return;
  };
  run(count());
  EXPECT_EQ(calls, 1);
  auto owned = run([]() -> task<std::unique_ptr<int>> { co_return std::make_unique<int>(7); }());
  EXPECT_EQ(*owned, 7);
  auto failing = []() -> task<int> {
    throw std::runtime_error("thrown");
    co_return 0;
  };
  EXPECT_EQ(failure_now([&] { run(failing()); }), "other: thrown");
}

TEST(run_task, waits_for_connections_that_close_in_the_background) {
  std::optional<std::uint16_t> code;
  const auto server = serve(
      [&](connection& ws) -> task<> {
        co_await ws.wait_closed();
        code = ws.close_code();
      },
      "127.0.0.1");
  const auto uri = uri_of(server);
  auto leave = [&]() -> task<> { co_await connect(uri); };
  run(leave());
  EXPECT_EQ(io::loop::current().kept(), 0u);
  EXPECT_TRUE(run_loop_until([&] { return code.has_value(); }));
  EXPECT_EQ(code, 1000);
}

TEST(run_task, that_fails_says_1011_for_the_connection_it_unwinds) {
  std::optional<std::uint16_t> code;
  const auto server = serve(
      [&](connection& ws) -> task<> {
        co_await ws.wait_closed();
        code = ws.close_code();
      },
      "127.0.0.1");
  const auto uri = uri_of(server);
  auto fail = [&]() -> task<> {
    auto ws = co_await connect(uri);
    throw std::runtime_error("in the middle");
  };
  EXPECT_EQ(failure_now([&] { run(fail()); }), "other: in the middle");
  EXPECT_TRUE(run_loop_until([&] { return code.has_value(); }));
  EXPECT_EQ(code, 1011);
}

TEST(run_task, waits_no_longer_than_close_timeout_for_a_peer_that_is_gone) {
  memory_connection silent(
      {.side = side::client,
       .settings = {.ping_interval = {}, .close_timeout = std::chrono::milliseconds(30)}});
  auto leave = [&]() -> task<> {
    silent.drop();
    co_return;
  };
  const auto start = std::chrono::steady_clock::now();
  run(leave());
  EXPECT_GE(std::chrono::steady_clock::now() - start, 30ms);
  EXPECT_TRUE(silent.peer.aborted());
}

TEST(run_task, may_give_a_connection_to_the_next) {
  const auto server = serve(echo, "127.0.0.1");
  const auto uri = uri_of(server);
  auto ws = run(connect(uri));
  auto talk = [&]() -> task<std::string> {
    co_await ws.send("across runs");
    auto reply = co_await ws.recv();
    co_return std::string(reply.text());
  };
  EXPECT_EQ(run(talk()), "across runs");
  auto finish = [&]() -> task<> { co_await ws.close(); };
  run(finish());
  EXPECT_EQ(ws.close_code(), 1000);
}

}  // namespace
}  // namespace duplex::test
