// A server on several threads, and everything that any thread may call, all at once.
#include <atomic>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include <duplex/client.hpp>
#include <duplex/server.hpp>
#include <duplex/sync/client.hpp>

#include "support.hpp"
#include "support/temporary.hpp"

namespace duplex::test {
namespace {

std::string uri_of(const server& server) {
  return "ws://127.0.0.1:" + std::to_string(server.port());
}

// Which threads have done something, and how often.
class tally {
 public:
  void count() {
    const std::lock_guard lock(mutex_);
    ++counts_[std::this_thread::get_id()];
  }
  std::map<std::thread::id, int> counts() const {
    const std::lock_guard lock(mutex_);
    return counts_;
  }

 private:
  mutable std::mutex mutex_;
  std::map<std::thread::id, int> counts_;
};

TEST(threads, share_connections_evenly) {
  tally handlers;
  const auto server = serve(
      [&](connection& ws) -> task<> {
        handlers.count();
        co_await echo(ws);
        handlers.count();
      },
      "127.0.0.1", 0, {.threads = 3});
  run_test([&]() -> task<> {
    const auto uri = uri_of(server);
    std::vector<connection> clients;
    for (int i = 0; i < 12; ++i) {
      auto ws = co_await connect(uri);
      co_await ws.send("x");
      co_await ws.recv(10s);
      clients.push_back(std::move(ws));
    }
    EXPECT_EQ(server.connection_count(), 12u);
    for (auto& each : clients) co_await each.close();
    while (server.connection_count() != 0) co_await sleep_for(1ms);
  });
  const auto counts = handlers.counts();
  EXPECT_EQ(counts.size(), 3u);
  for (const auto& [thread, count] : counts) EXPECT_EQ(count, 8) << "begin and end of four";
  EXPECT_TRUE(counts.contains(std::this_thread::get_id()));
}

TEST(threads, share_connections_of_unix_sockets_too) {
  const temporary_directory folder;
  tally handlers;
  const auto path = folder / "server.sock";
  const auto server = unix_serve(
      [&](connection& ws) -> task<> {
        handlers.count();
        co_await echo(ws);
      },
      path, {.threads = 2});
  run_test([&]() -> task<> {
    auto a = co_await unix_connect(path);
    auto b = co_await unix_connect(path);
    for (auto* each : {&a, &b}) {
      co_await each->send("hello");
      auto reply = co_await each->recv(10s);
      EXPECT_EQ(reply.text(), "hello");
      co_await each->close();
    }
  });
  EXPECT_EQ(handlers.counts().size(), 2u);
}

TEST(threads, of_each_core_are_more_than_none_and_no_more_than_a_thousand) {
  EXPECT_EQ(failure_now([] { static_cast<void>(serve(echo, "127.0.0.1", 0, {.threads = -1})); }),
            "invalid argument: threads must be 0 to 1024, got -1");
  EXPECT_EQ(failure_now([] { static_cast<void>(serve(echo, "127.0.0.1", 0, {.threads = 1025})); }),
            "invalid argument: threads must be 0 to 1024, got 1025");
  const auto server = serve(echo, "127.0.0.1", 0, {.threads = 0});
  run_test([&]() -> task<> {
    const auto uri = uri_of(server);
    auto ws = co_await connect(uri);
    co_await ws.send("x");
    co_await ws.recv(10s);
    co_await ws.close();
  });
}

TEST(threads, get_broadcasts_and_publications_of_any) {
  const auto server = serve(
      [](connection& ws) -> task<> {
        ws.subscribe("all");
        co_await ws.send("ready");
        co_await echo(ws);
      },
      "127.0.0.1", 0, {.threads = 2});
  run_test([&]() -> task<> {
    const auto uri = uri_of(server);
    std::vector<connection> clients;
    for (int i = 0; i < 4; ++i) {
      auto ws = co_await connect(uri);
      co_await ws.recv(10s);
      clients.push_back(std::move(ws));
    }
    EXPECT_EQ(server.connections().size(), 2u) << "those of this thread";
    std::thread([&] {
      server.publish("all", "published");
      server.broadcast("broadcast");
      EXPECT_TRUE(server.connections().empty());
    }).join();
    for (auto& each : clients) {
      auto first = co_await each.recv(10s);
      EXPECT_EQ(first.text(), "published");
      auto second = co_await each.recv(10s);
      EXPECT_EQ(second.text(), "broadcast");
      co_await each.close();
    }
  });
}

TEST(threads, are_all_closed_by_a_handler_on_any_and_waited_for) {
  std::atomic<int> ended = 0;
  server* running = nullptr;
  auto server = serve(
      [&](connection& ws) -> task<> {
        co_await ws.send("ready");
        while (auto message = co_await ws.next()) {
          if (message->text() == "close") running->close(true, 1012, "restart");
        }
        ++ended;
      },
      "127.0.0.1", 0, {.threads = 3});
  running = &server;
  run_test([&]() -> task<> {
    const auto uri = uri_of(server);
    std::vector<connection> clients;
    for (int i = 0; i < 6; ++i) {
      auto ws = co_await connect(uri);
      co_await ws.recv(10s);
      clients.push_back(std::move(ws));
    }
    co_await clients[1].send("close");
    for (auto& each : clients) {
      co_await each.wait_closed(10s);
      EXPECT_EQ(each.close_code(), 1012);
    }
    co_await server.wait_closed(10s);
  });
  EXPECT_EQ(server.connection_count(), 0u);
}

TEST(threads, are_limited_in_waiting_for_their_end) {
  auto server = serve([](connection& ws) -> task<> { co_await ws.wait_closed(); }, "127.0.0.1", 0,
                      {.threads = 2});
  run_test([&]() -> task<> {
    const auto uri = uri_of(server);
    auto a = co_await connect(uri);
    auto b = co_await connect(uri);
    server.close(false);
    auto waiting = [&]() -> task<> { co_await server.wait_closed(5ms); };
    auto end = co_await failure_of(waiting);
    EXPECT_EQ(end, "timeout: waiting for the handlers of a closed server timed out");
    co_await a.close();
    co_await b.close();
    co_await server.wait_closed(10s);
  });
}

TEST(threads, drop_their_connections_with_the_server_and_destroy_handlers_where_they_ran) {
  struct witness {
    explicit witness(tally& to) : destroyed(to), thread(std::this_thread::get_id()) {}
    ~witness() {
      EXPECT_EQ(thread, std::this_thread::get_id());
      destroyed.count();
    }
    tally& destroyed;
    std::thread::id thread;
  };
  tally destroyed;
  std::vector<sync::client_connection> clients;
  {
    const auto server = serve(
        [&](connection& ws) -> task<> {
          const witness here(destroyed);
          co_await ws.send("ready");
          co_await ws.wait_closed();
        },
        "127.0.0.1", 0, {.threads = 3});
    const auto uri = uri_of(server);
    std::atomic<bool> done = false;
    std::thread connecting([&] {
      for (int i = 0; i < 6; ++i) {
        clients.push_back(sync::connect(uri));
        clients.back().recv(10s);
      }
      done = true;
    });
    EXPECT_TRUE(run_loop_until([&] {
      io::loop::current().post([] {});
      return done.load();
    }));
    connecting.join();
  }
  EXPECT_EQ(destroyed.counts().size(), 3u);
  for (auto& each : clients) EXPECT_THROW(each.recv(10s), connection_closed_error);
}

TEST(threads, fail_to_serve_a_taken_port_and_are_gone) {
  const auto first = serve(echo, "127.0.0.1");
  EXPECT_THROW(static_cast<void>(serve(echo, "127.0.0.1", first.port(), {.threads = 4})),
               std::system_error);
}

// Clients come and go in two threads, two more publish and post to whatever connection they know,
// and one closes the server in the midst of it.
TEST(threads, survive_a_storm) {
  std::mutex mutex;
  std::vector<connection_handle> handles;
  std::atomic<int> received = 0;
  std::atomic<bool> over = false;
  auto server = serve(
      [&](connection& ws) -> task<> {
        {
          const std::lock_guard lock(mutex);
          handles.push_back(ws.handle());
        }
        ws.subscribe("storm");
        ws.subscribe("room/" + std::to_string(received % 7));
        while (auto message = co_await ws.next()) {
          ws.publish("storm", *message, {.slow = slow_consumer::latest_only});
          ws.unsubscribe("room/3");
        }
      },
      "127.0.0.1", 0, {.threads = 3, .logger = {}});
  const auto publisher = server.publisher();
  const auto uri = uri_of(server);
  std::vector<std::thread> threads;
  for (int i = 0; i < 2; ++i) {
    threads.emplace_back([&, i] {
      while (!over) {
        try {
          auto ws = sync::connect(uri, {.open_timeout = 10s, .logger = nullptr});
          for (int j = 0; j < 5; ++j) {
            ws.send("message " + std::to_string(j));
            ws.recv(10s);
            ++received;
          }
          if (received % 3 == i) ws.abort();
        } catch (const std::exception&) {  // the server closes
        }
      }
    });
    threads.emplace_back([&, i] {
      const std::string large(i == 0 ? 100 : 20'000, 'x');
      constexpr slow_consumer policies[] = {slow_consumer::buffer, slow_consumer::drop,
                                            slow_consumer::latest_only, slow_consumer::disconnect};
      for (unsigned j = 0; !over; ++j) {
        const broadcast_options options{.slow = policies[j % 4]};
        publisher.publish("storm", large, options);
        publisher.publish("room/" + std::to_string(j % 7), large, options);
        if (j % 10 == 0) publisher.broadcast("everyone", options);
        std::vector<connection_handle> known;
        {
          const std::lock_guard lock(mutex);
          if (handles.size() > 50) handles.erase(handles.begin(), handles.begin() + 25);
          known = handles;
        }
        for (const auto& each : known) each.post_send("you", options);
        std::this_thread::yield();
      }
    });
  }
  std::thread closer([&] {
    while (received < 60) std::this_thread::yield();
    server.close();
  });
  run_test([&]() -> task<> { co_await server.wait_closed(); });
  over = true;
  closer.join();
  for (auto& each : threads) each.join();
  publisher.broadcast("nobody");
  EXPECT_GE(received, 60);
}

}  // namespace
}  // namespace duplex::test
