// Connections destroyed, moved and given up in every place code of a user's can do it.
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include <duplex/client.hpp>
#include <duplex/run.hpp>
#include <duplex/server.hpp>

#include "support.hpp"

namespace duplex::test {
namespace {

std::size_t kept() { return io::loop::current().kept(); }

// --- destroying

TEST(destroyed_connection, closes_with_1000_in_the_background) {
  memory_connection connection;
  connection.drop();
  EXPECT_EQ(kept(), 1u);
  EXPECT_EQ(connection.frames(), std::vector<std::string>{"close 1000"});
  connection.feed(text_frame(side::client, "late") + close_frame(side::client, 1000));
  EXPECT_EQ(kept(), 1u);
  EXPECT_TRUE(connection.peer.shut_down());
  connection.peer.send_eof();
  connection.peer.pump();
  EXPECT_EQ(kept(), 0u);
  EXPECT_TRUE(connection.peer.closed());
  EXPECT_FALSE(connection.peer.aborted());
}

TEST(destroyed_connection, closes_with_1011_while_an_exception_unwinds) {
  memory_connection connection;
  try {
    const auto dying = std::move(connection.ws());
    throw std::runtime_error("unwinding");
  } catch (const std::runtime_error&) {
  }
  EXPECT_EQ(connection.frames(), std::vector<std::string>{"close 1011"});
  connection.peer.send_eof();
  connection.peer.pump();
  EXPECT_EQ(kept(), 0u);
  connection.drop();
}

TEST(destroyed_connection, that_is_made_and_destroyed_while_another_exception_unwinds_is_1000) {
  memory_connection connection;
  struct cleaner {
    memory_connection& of;
    ~cleaner() { const auto whole_life = std::move(of.ws()); }
  };
  // The connection was made before: it goes with the exception.
  try {
    const cleaner cleans{connection};
    throw std::runtime_error("unwinding");
  } catch (const std::runtime_error&) {
  }
  EXPECT_EQ(connection.frames(), std::vector<std::string>{"close 1011"});
  connection.peer.send_eof();
  connection.peer.pump();
  connection.drop();
}

TEST(destroyed_connection, that_closes_already_keeps_its_code) {
  memory_connection connection;
  {
    test_scope tasks;
    tasks.start([&]() -> task<> { co_await connection.ws().close(4000); });
    connection.peer.pump();
  }
  connection.drop();
  EXPECT_EQ(kept(), 1u);
  EXPECT_EQ(connection.frames(), std::vector<std::string>{"close 4000"});
  connection.peer.send_eof();
  connection.peer.pump();
  EXPECT_EQ(kept(), 0u);
}

TEST(destroyed_connection, that_is_closed_leaves_nothing_behind) {
  memory_connection connection;
  connection.peer.send_eof();
  connection.peer.pump();
  connection.peer.take();
  connection.drop();
  EXPECT_EQ(kept(), 0u);
  EXPECT_EQ(connection.frames(), std::vector<std::string>{});
}

TEST(destroyed_connection, is_bounded_by_close_timeout) {
  protocol::connection_settings settings{.ping_interval = {}, .close_timeout = 20ms};
  memory_connection connection({.settings = settings});
  connection.peer.set_room(0);
  connection.drop();
  ASSERT_TRUE(connection.run_until([] { return kept() == 0; }));
  EXPECT_TRUE(connection.peer.aborted());
}

TEST(destroyed_connection, with_a_full_inbox_finds_the_close_frame) {
  memory_connection connection({.max_queue = {1, 0}, .bytes_max = 1});
  std::string bytes;
  for (int i = 0; i < 50; ++i) bytes += text_frame(side::client, std::to_string(i));
  connection.feed(bytes + close_frame(side::client, 1000));
  ASSERT_FALSE(connection.peer.reading());
  connection.drop();
  connection.peer.send_eof();
  connection.peer.pump();
  EXPECT_EQ(kept(), 0u);
  EXPECT_FALSE(connection.peer.aborted());
}

// Whoever waits, on anything, while the connection is destroyed by someone else.
struct named_wait {
  std::string name;
  std::function<task<>(connection&)> call;
  bool fails;
};
void PrintTo(const named_wait& wait, std::ostream* out) { *out << wait.name; }

class destroyed_while : public testing::TestWithParam<named_wait> {};

INSTANTIATE_TEST_SUITE_P(
    someone_waits, destroyed_while,
    testing::Values(
        named_wait{"in_recv", [](connection& ws) -> task<> { co_await ws.recv(); }, true},
        named_wait{"in_next", [](connection& ws) -> task<> { co_await ws.next(); }, true},
        named_wait{"in_send",
                   [](connection& ws) -> task<> {
                     const std::string large(300'000, 'x');
                     co_await ws.send(large);
                   },
                   false},  // all of it leaves before the close frame
        named_wait{"in_ping", [](connection& ws) -> task<> { co_await ws.ping(); }, true},
        named_wait{"in_close", [](connection& ws) -> task<> { co_await ws.close(); }, false},
        named_wait{"in_wait_closed", [](connection& ws) -> task<> { co_await ws.wait_closed(); },
                   false}),
    [](const auto& each) { return each.param.name; });

TEST_P(destroyed_while, is_an_end_like_any_other) {
  memory_connection connection;
  connection.peer.set_room(0);
  std::string end;
  connection.start([&]() -> task<> {
    auto waiting = [&]() -> task<> { co_await GetParam().call(connection.ws()); };
    end = co_await failure_of(waiting);
  });
  connection.peer.pump();
  connection.drop();
  connection.peer.pump();
  EXPECT_EQ(end, "");
  connection.peer.set_room(memory_peer::unlimited);
  connection.peer.send_eof();
  connection.peer.pump();
  EXPECT_EQ(end,
            GetParam().fails ? "closed error: sent 1000 (OK); no close frame received" : "none");
  EXPECT_EQ(kept(), 0u);
}

TEST_P(destroyed_while, its_own_coroutine_is_destroyed) {
  memory_connection connection;
  connection.peer.set_room(0);
  {
    test_scope tasks;
    tasks.start([&]() -> task<> {
      auto own = std::move(connection.ws());
      co_await GetParam().call(own);
    });
    connection.peer.pump();
    EXPECT_EQ(tasks.running(), 1u);
  }
  connection.peer.set_room(memory_peer::unlimited);
  const auto frames = connection.frames();
  ASSERT_FALSE(frames.empty());
  EXPECT_EQ(frames.back(), "close 1000");
  EXPECT_EQ(kept(), 1u);
  connection.peer.send_eof();
  connection.peer.pump();
  EXPECT_EQ(kept(), 0u);
  connection.drop();
}

TEST_P(destroyed_while, its_server_is_destroyed) {
  std::optional<server> server;
  bool reached = false;
  server.emplace(serve(
      [&](connection& ws) -> task<> {
        reached = true;
        co_await GetParam().call(ws);
      },
      "127.0.0.1"));
  run_test([&]() -> task<> {
    const auto uri = "ws://127.0.0.1:" + std::to_string(server->port());
    auto ws = co_await connect(uri, {.max_size = std::nullopt, .max_queue = 1, .read_limit = 1024});
    while (!reached) co_await sleep_for(1ms);
    server.reset();
    co_await ws.wait_closed();
  });
}

TEST(tasks_not_yet_started, survive_their_connection) {
  memory_connection connection;
  std::vector<task<>> tasks;
  tasks.push_back(connection.ws().close());
  tasks.push_back(connection.ws().wait_closed());
  auto ping = connection.ws().ping();
  connection.drop();
  connection.peer.pump();
  connection.peer.send_eof();
  connection.peer.pump();
  connection.start([&]() -> task<> {
    for (auto& each : tasks) co_await each;
    const auto end = co_await failure_of([&]() -> task<> { co_await ping; });
    EXPECT_EQ(end, "closed error: sent 1000 (OK); no close frame received");
  });
  connection.peer.pump();
  EXPECT_EQ(connection.tasks.running(), 0u);
}

// --- moving

TEST(moved_connection, is_the_same_connection) {
  memory_connection connection;
  auto moved = std::move(connection.ws());
  connection.drop();  // a moved-from connection may be destroyed
  EXPECT_EQ(kept(), 0u);
  std::string received;
  connection.start([&]() -> task<> {
    auto message = co_await moved.recv();
    received = message.text();
    auto again = std::move(moved);
    co_await again.close();
  });
  connection.feed_text("hello");
  EXPECT_EQ(received, "hello");
  connection.feed(close_frame(side::client, 1000));
  connection.peer.send_eof();
  connection.peer.pump();
  EXPECT_EQ(connection.tasks.running(), 0u);
}

TEST(moved_connection, may_be_moved_while_someone_waits_on_it) {
  memory_connection connection;
  std::string received;
  connection.start([&]() -> task<> {
    auto message = co_await connection.ws().recv();
    received = message.text();
  });
  connection.peer.pump();
  auto moved = std::move(connection.ws());
  connection.feed_text("still");
  EXPECT_EQ(received, "still");
  moved.abort();
  connection.drop();
}

TEST(assigned_connection, closes_the_one_it_was) {
  memory_connection first, second;
  first.ws() = std::move(second.ws());
  EXPECT_EQ(first.frames(), std::vector<std::string>{"close 1000"});
  EXPECT_EQ(second.frames(), std::vector<std::string>{});
  auto& same = first.ws();
  first.ws() = std::move(same);  // to itself: nothing happens
  EXPECT_EQ(second.frames(), std::vector<std::string>{});
  first.start([&]() -> task<> { co_await first.ws().send("second's"); });
  first.peer.pump();
  EXPECT_EQ(second.frames(), std::vector<std::string>{"text second's"});
  second.drop();
  first.peer.send_eof();
  first.peer.pump();
  EXPECT_EQ(kept(), 0u);
}

// --- from inside

TEST(coroutine, may_drop_its_connection_in_the_middle_of_what_was_read) {
  memory_connection connection;
  connection.start([&]() -> task<> {
    auto own = std::move(connection.ws());
    auto message = co_await own.recv();
    EXPECT_EQ(message.text(), "one");
  });
  connection.peer.pump();
  connection.feed(text_frame(side::client, "one") + text_frame(side::client, "two") +
                  ping_frame(side::client, "p") + close_frame(side::client, 1000));
  EXPECT_EQ(connection.tasks.running(), 0u);
  // Section 5.5.2: a ping is answered until a close frame came.
  EXPECT_EQ(connection.frames(), (std::vector<std::string>{"close 1000", "pong p"}));
  connection.peer.send_eof();
  connection.peer.pump();
  EXPECT_EQ(kept(), 0u);
  connection.drop();
}

TEST(coroutine, may_abort_in_the_middle_of_what_was_read) {
  for (const bool drops : {false, true}) {
    memory_connection connection;
    connection.start([&]() -> task<> {
      auto message = co_await connection.ws().recv();
      co_await connection.ws().send("lost");
      connection.ws().abort();
      if (drops) connection.drop();
    });
    connection.peer.pump();
    connection.feed(text_frame(side::client, "one") + text_frame(side::client, "two"));
    EXPECT_EQ(connection.tasks.running(), 0u);
    EXPECT_TRUE(connection.peer.aborted());
    EXPECT_EQ(connection.frames(), std::vector<std::string>{});
    EXPECT_EQ(kept(), 0u);
  }
}

TEST(coroutine, may_close_in_the_middle_of_what_was_read) {
  memory_connection connection;
  std::vector<std::string> received;
  connection.start([&]() -> task<> {
    auto message = co_await connection.ws().recv();
    received.emplace_back(message.text());
    co_await connection.ws().close(1000);
    while (auto next = co_await connection.ws().next()) received.emplace_back(next->text());
  });
  connection.peer.pump();
  connection.feed(text_frame(side::client, "one") + text_frame(side::client, "two") +
                  close_frame(side::client, 1000));
  connection.peer.send_eof();
  connection.peer.pump();
  EXPECT_EQ(connection.tasks.running(), 0u);
  EXPECT_EQ(received, (std::vector<std::string>{"one", "two"}));
  EXPECT_EQ(connection.frames(), std::vector<std::string>{"close 1000"});
}

TEST(coroutine, may_destroy_another_that_receives_in_the_middle_of_what_was_read) {
  memory_connection connection;
  auto victim = std::make_unique<test_scope>();
  victim->start([&]() -> task<> { co_await echo(connection.ws()); });
  connection.start([&]() -> task<> {
    co_await connection.ws().ping(as_bytes("p"));
    victim.reset();
    auto message = co_await connection.ws().recv();
    EXPECT_EQ(message.text(), "one");
  });
  connection.peer.pump();
  connection.feed(pong_frame(side::client, "p") + text_frame(side::client, "one"));
  EXPECT_EQ(connection.tasks.running(), 0u);
  EXPECT_EQ(connection.frames(), (std::vector<std::string>{"ping p"}));
}

// --- the stop token

TEST(stop_token, is_stopped_at_every_end) {
  memory_connection aborted, closed, failed;
  const auto tokens = {aborted.ws().stop_token(), closed.ws().stop_token(),
                       failed.ws().stop_token()};
  closed.feed(close_frame(side::client, 1000));
  failed.feed(to_wire(side::client, wire_frame{.opcode = 3}));
  for (const auto& each : tokens) EXPECT_FALSE(each.stop_requested());
  aborted.ws().abort();
  closed.peer.send_eof();
  closed.peer.pump();
  failed.peer.send_eof();
  failed.peer.pump();
  for (const auto& each : tokens) EXPECT_TRUE(each.stop_requested());
  EXPECT_TRUE(aborted.ws().stop_token().stop_requested());
  memory_connection later;
  later.ws().abort();
  EXPECT_TRUE(later.ws().stop_token().stop_requested());
}

TEST(stop_token, may_be_stopped_into_anything) {
  using action = std::function<void(memory_connection&)>;
  const std::vector<action> actions{
      [](memory_connection& connection) { connection.drop(); },
      [](memory_connection& connection) { connection.ws().abort(); },
      [](memory_connection& connection) {
        connection.start([&]() -> task<> { co_await connection.ws().close(); });
      },
      [](memory_connection& connection) {
        EXPECT_EQ(connection.ws().state(), state::closed);
        EXPECT_EQ(connection.ws().close_code(), 1006);
        EXPECT_TRUE(connection.ws().stop_token().stop_requested());
      },
  };
  for (const auto& act : actions) {
    for (const bool by_peer : {true, false}) {
      memory_connection connection;
      connection.start([&]() -> task<> {
        co_await failure_of([&]() -> task<> { co_await echo(connection.ws()); });
      });
      connection.peer.pump();
      bool called = false;
      const std::stop_callback on_stop(connection.ws().stop_token(), [&] {
        called = true;
        act(connection);
      });
      if (by_peer) {
        connection.peer.send(text_frame(side::client, "last"));
        connection.peer.break_transport();
      } else {
        connection.ws().abort();
      }
      connection.peer.pump();
      EXPECT_TRUE(called);
      EXPECT_EQ(connection.tasks.running(), 0u);
    }
  }
}

TEST(log_sink_of_a_connection, may_destroy_it) {
  std::optional<connection> ws;
  const logger sink = [&](const log_record& record) {
    if (record.message.starts_with("connection closed")) ws.reset();
  };
  const auto server = serve(echo, "127.0.0.1");
  run_test([&]() -> task<> {
    const auto uri = "ws://127.0.0.1:" + std::to_string(server.port());
    auto opened = co_await connect(uri, {.logger = &sink});
    ws.emplace(std::move(opened));
    co_await ws->close();
    EXPECT_FALSE(ws);
  });
}

// --- the loop's end

TEST(loop, takes_connections_that_close_in_the_background_with_it) {
  std::jthread([] {
    memory_peer peer;
    {
      io::loop loop;
      auto impl = std::make_shared<detail::connection_impl>(
          peer.make_stream(), side::server, protocol::connection_settings{}, inbox(32, 1 << 20, 1),
          water_marks(1000), 1000);
      { const auto dropped = detail::connection_impl::open(std::move(impl), {}, {}); }
      loop.run_ready();
      EXPECT_EQ(loop.kept(), 1u);
      EXPECT_FALSE(peer.closed());
    }
    EXPECT_TRUE(peer.closed());
  });
}

TEST(loop, of_a_thread_that_ends_takes_them_too) {
  memory_peer peer;
  std::jthread([&] {
    auto& loop = io::loop::current();
    auto impl = std::make_shared<detail::connection_impl>(
        peer.make_stream(), side::server, protocol::connection_settings{}, inbox(32, 1 << 20, 1),
        water_marks(1000), 1000);
    { const auto dropped = detail::connection_impl::open(std::move(impl), {}, {}); }
    loop.run_ready();
  });
  EXPECT_TRUE(peer.closed());
}

TEST(loop, that_ends_leaves_connections_and_servers_that_can_be_read_and_destroyed) {
  std::optional<connection> client, taken;
  std::optional<server> listening;
  std::jthread([&] {
    listening = serve(
        [&](connection& ws) -> task<> {
          taken.emplace(std::move(ws));
          co_await taken->send("before the end");
          co_await sleep_for(1h);
        },
        "127.0.0.1");
    run_test([&]() -> task<> {
      const auto uri = "ws://127.0.0.1:" + std::to_string(listening->port());
      client = co_await connect(uri);
      co_await client->ping();
    });
    client->pong();  // something to be written that never is
  }).join();
  for (auto* each : {&*client, &*taken}) {
    EXPECT_EQ(each->state(), state::closed);
    EXPECT_EQ(each->close_code(), 1006);
    EXPECT_TRUE(each->stop_token().stop_requested());
    each->abort();
  }
  EXPECT_FALSE(listening->is_serving());
  EXPECT_TRUE(listening->connections().empty());
  listening->close();
  run_test([&]() -> task<> {  // of another loop
    auto message = co_await client->recv();
    EXPECT_EQ(message.text(), "before the end");
    for (auto* each : {&*client, &*taken}) {
      const std::string closed = "closed error: no close frame received or sent";
      auto end = co_await failure_of([&]() -> task<> { co_await each->recv(); });
      EXPECT_EQ(end, closed);
      end = co_await failure_of([&]() -> task<> { co_await each->send("late"); });
      EXPECT_EQ(end, closed);
      end = co_await failure_of([&]() -> task<> { co_await each->ping(); });
      EXPECT_EQ(end, closed);
      co_await each->close();
      co_await each->wait_closed();
    }
    co_await listening->wait_closed();
  });
}

TEST(loop, that_ends_destroys_the_handlers_of_its_servers) {
  bool destroyed = false;
  struct guard {
    bool& flag;
    ~guard() { flag = true; }
  };
  std::optional<server> listening;
  std::jthread([&] {
    listening = serve(
        [&](connection& ws) -> task<> {
          const guard leaving{destroyed};
          co_await echo(ws);
        },
        "127.0.0.1");
    run_test([&]() -> task<> {
      const auto uri = "ws://127.0.0.1:" + std::to_string(listening->port());
      auto ws = co_await connect(uri);
      co_await ws.send("hello");
      co_await ws.recv();
      ws.abort();
    });
    EXPECT_FALSE(destroyed);
  }).join();
  EXPECT_TRUE(destroyed);
}

TEST(loops, of_many_threads_serve_and_connect_side_by_side) {
  std::vector<std::jthread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([] {
      auto server = serve(echo, "127.0.0.1");
      run_test([&]() -> task<> {
        const auto uri = "ws://127.0.0.1:" + std::to_string(server.port());
        auto ws = co_await connect(uri);
        for (int n = 0; n < 100; ++n) {
          co_await ws.send(std::to_string(n));
          auto reply = co_await ws.recv();
          EXPECT_EQ(reply.text(), std::to_string(n));
        }
        co_await ws.close();
        server.close();
        co_await server.wait_closed();
      });
    });
  }
}

}  // namespace
}  // namespace duplex::test
