// Servers and clients on unix sockets, on several hosts, and on sockets made elsewhere.
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <duplex/client.hpp>
#include <duplex/server.hpp>
#include <duplex/sync/client.hpp>

#include "net/sockaddr.hpp"
#include "raw_client.hpp"
#include "support.hpp"
#include "support/sockets.hpp"
#include "support/temporary.hpp"

namespace duplex::test {
namespace {

namespace fs = std::filesystem;

// Lets the loop close what was let go of.
void run_rounds() {
  for (int i = 0; i < 5; ++i) {
    bool reached = false;
    io::loop::current().post([&] { reached = true; });
    run_loop_until([&] { return reached; });
  }
}

bool is_open(int number) { return ::fcntl(number, F_GETFD) >= 0; }

raw_socket make_listening() {
  const auto at = net::to_sockaddr({"127.0.0.1", 0});
  raw_socket made(::socket(AF_INET, SOCK_STREAM, 0));
  EXPECT_EQ(::bind(made.number(), at.get(), at.size), 0);
  EXPECT_EQ(::listen(made.number(), 10), 0);
  return made;
}

int give_away(raw_socket&& socket) { return ::fcntl(socket.number(), F_DUPFD_CLOEXEC, 0); }

int connected_to(const server& server) {
  return give_away(raw_socket::connected(server.sockets().front()));
}

task<std::string> ask(connection& ws, std::string question) {
  co_await ws.send(question);
  auto answer = co_await ws.recv();
  std::string text(answer.text());
  co_await ws.close();
  co_return text;
}

// Says who is talking to whom.
task<> tell_addresses(connection& ws) {
  while (auto message = co_await ws.next()) {
    std::string text = to_string(ws.remote_address()) + " to " + to_string(ws.local_address());
    co_await ws.send(text);
  }
}

// Runs a blocking client beside the loop of its server.
std::string beside_loop(const std::function<std::string()>& work) {
  std::string result;
  std::atomic<bool> done = false;
  std::thread client([&] {
    try {
      result = work();
    } catch (const std::exception& problem) {
      result = problem.what();
    }
    done = true;
    done.notify_all();
  });
  auto& loop = io::loop::current();
  std::thread waker([&] {
    done.wait(false);
    loop.post([] {});
  });
  EXPECT_TRUE(run_loop_until([&] { return done.load(); }));
  client.join();
  waker.join();
  return result;
}

// --- unix sockets

TEST(unix_serve, echoes_and_leaves_no_file) {
  const temporary_directory folder;
  const std::string path = folder / "app.sock";
  auto server = unix_serve(tell_addresses, path, {.unix_permissions = 0600});
  EXPECT_EQ(to_string(server.sockets().at(0)), "unix:" + path);
  EXPECT_EQ(server.port(), 0);
  EXPECT_EQ(fs::status(path).permissions(), fs::perms::owner_read | fs::perms::owner_write);
  run_test([&]() -> task<> {
    auto ws = co_await unix_connect(path);
    EXPECT_EQ(ws.request().headers.get("Host"), "localhost");
    EXPECT_EQ(to_string(ws.remote_address()), "unix:" + path);
    auto answer = co_await ask(ws, "who?");
    EXPECT_EQ(answer, "unix: to unix:" + path);
  });
  server.close();
  EXPECT_FALSE(fs::exists(path));
}

TEST(unix_serve, takes_abstract_names) {
  const std::string name = "duplex-api-" + std::to_string(::getpid());
  auto server = unix_serve(tell_addresses, '\0' + name);
  run_test([&]() -> task<> {
    auto ws = co_await unix_connect("@" + name, "ws://app.example/chat");
    EXPECT_EQ(ws.request().target, "/chat");
    EXPECT_EQ(ws.request().headers.get("Host"), "app.example");
    auto answer = co_await ask(ws, "who?");
    EXPECT_EQ(answer, "unix: to unix:@" + name);
  });
}

TEST(unix_serve, answers_blocking_clients) {
  const temporary_directory folder;
  const std::string path = folder / "app.sock";
  auto server = unix_serve(tell_addresses, path);
  EXPECT_EQ(beside_loop([&] {
              auto ws = sync::unix_connect(path);
              EXPECT_EQ(to_string(ws.remote_address()), "unix:" + path);
              ws.send("who?");
              return std::string(ws.recv().text());
            }),
            "unix: to unix:" + path);
  EXPECT_EQ(beside_loop([&]() -> std::string {
              sync::unix_connect(folder / "nobody");
              return "connected";
            }),
            "cannot connect to unix:" + folder / "nobody: no such file or directory");
}

TEST(unix_serve, refuses_paths_and_options_by_name) {
  const auto long_path = std::string(108, 'x');
  const std::string rule =
      "invalid argument: the path of a unix socket must be 1 to 107 bytes without NUL, got ";
  EXPECT_EQ(failure_now([&] { unix_serve(echo, long_path); }), rule + "108: '" + long_path + "'");
  EXPECT_EQ(failure_now([] { unix_serve(echo, ""); }), rule + "0: ''");
  EXPECT_EQ(failure_now([] { auto t = unix_connect(""); }), rule + "0: ''");
  EXPECT_EQ(failure_now([] { sync::unix_connect(std::string("a\0b", 3)); }), rule + "3: 'a\\x00b'");
  EXPECT_EQ(failure_now([] { unix_serve(echo, "x", {.unix_permissions = 01777}); }),
            "invalid argument: unix_permissions must be 0 to 0777, got 01777");
  EXPECT_EQ(failure_now([] { serve(echo, "127.0.0.1", 0, {.unix_permissions = 0600}); }),
            "invalid argument: unix_permissions must be for a unix socket, got 0600");
}

TEST(serve, backlog_is_how_many_wait_to_be_accepted) {
  const temporary_directory folder;
  const auto queue_of = [&](int backlog) {
    const auto server = unix_serve(echo, folder / std::to_string(backlog), {.backlog = backlog});
    std::vector<raw_socket> waiting;  // the loop does not run: nobody accepts them
    try {
      while (waiting.size() < 100) {
        waiting.push_back(raw_socket::connected(server.sockets().front(), false));
      }
    } catch (const std::system_error& full) {
      EXPECT_EQ(full.code(), std::errc::resource_unavailable_try_again);
    }
    return waiting.size();
  };
  EXPECT_EQ(queue_of(1), 2u);  // Linux counts from 0
  EXPECT_EQ(queue_of(5), 6u);
}

// --- several hosts

TEST(serve_hosts, share_a_port_and_may_be_unix_sockets_too) {
  const temporary_directory folder;
  const std::string path = folder / "app.sock";
  const auto server =
      serve(tell_addresses, {"unix:" + path, "127.0.0.1", "::1", "localhost", "127.0.0.2"});
  ASSERT_EQ(server.sockets().size(), 4u) << "localhost is there already";
  const auto port = server.port();
  EXPECT_NE(port, 0);
  run_test([&]() -> task<> {
    for (const std::string host : {"127.0.0.1", "::1", "127.0.0.2"}) {
      auto ws = co_await connect("ws://app.example", {.host = host, .port = port});
      auto answer = co_await ask(ws, "who?");
      EXPECT_TRUE(answer.ends_with(" to " + to_string(address{host, port}))) << answer;
    }
    auto ws = co_await unix_connect(path);
    co_await ask(ws, "who?");
  });
}

TEST(serve_hosts, are_all_had_or_none) {
  const std::vector<std::string> hosts = {"127.0.0.1", "127.0.0.2"};
  auto taken = serve(echo, "127.0.0.2");
  auto failure = failure_now([&] { serve(echo, hosts, taken.port()); });
  while (failure.find("127.0.0.1:") != failure.npos) {  // another process has that port there
    taken = serve(echo, "127.0.0.2");
    failure = failure_now([&] { serve(echo, hosts, taken.port()); });
  }
  EXPECT_EQ(failure, "system: cannot listen on 127.0.0.2:" + std::to_string(taken.port()) +
                         ": address already in use");
  EXPECT_NO_THROW(serve(echo, "127.0.0.1", taken.port()));
  EXPECT_EQ(failure_now([&] { serve(echo, std::vector<std::string>()); }),
            "invalid argument: hosts must be one or several, got none");
}

TEST(serve, lets_the_system_share_out_the_connections_of_one_port) {
  int first_count = 0, second_count = 0;
  auto count = [](int& to) {
    return [&to](connection& ws) -> task<> {
      ++to;
      co_await ws.wait_closed();
    };
  };
  const auto first = serve(count(first_count), "127.0.0.1", 0, {.reuse_port = true});
  const auto second = serve(count(second_count), "127.0.0.1", first.port(), {.reuse_port = true});
  run_test([&]() -> task<> {
    for (int i = 0; i < 64; ++i) {
      auto ws = co_await connect("ws://127.0.0.1:" + std::to_string(first.port()));
      co_await ws.close();
    }
  });
  EXPECT_EQ(first_count + second_count, 64);
  EXPECT_GT(first_count, 0);
  EXPECT_GT(second_count, 0);
}

// --- sockets made elsewhere

TEST(serve_sock, is_served_and_closed_with_the_server) {
  auto one = make_listening(), two = make_listening();
  const int first = give_away(std::move(one)), second = give_away(std::move(two));
  auto server = serve(tell_addresses, "not.looked.up.invalid", 1, {.sock = {first, second}});
  EXPECT_EQ(server.sockets().size(), 2u);
  run_test([&]() -> task<> {
    for (const auto& each : server.sockets()) {
      auto ws = co_await connect("ws://127.0.0.1:" + std::to_string(each.port));
      auto answer = co_await ask(ws, "who?");
      EXPECT_TRUE(answer.ends_with(" to " + to_string(each))) << answer;
    }
  });
  server.close();
  run_rounds();
  EXPECT_FALSE(is_open(first));
  EXPECT_FALSE(is_open(second));
}

TEST(serve_sock, stays_with_its_owner_where_it_is_refused) {
  io::loop::current();  // it has descriptors of its own
  const auto listening = make_listening();
  const raw_socket other(::socket(AF_INET, SOCK_STREAM, 0));
  const int before = open_descriptors();
  EXPECT_EQ(failure_now([&] {
              serve(echo, {}, 0, {.sock = {listening.number(), other.number()}});
            }),
            "invalid argument: sock must be a listening socket, got " +
                std::to_string(other.number()) + ", which is not listening");
  EXPECT_EQ(failure_now([&] { serve(nullptr, {}, 0, {.sock = {listening.number()}}); }),
            "invalid argument: serve needs a handler");
  EXPECT_EQ(open_descriptors(), before);
}

TEST(connect_sock, is_used_and_closed_with_the_connection) {
  const auto server = serve(tell_addresses, "127.0.0.1");
  const int given = connected_to(server);
  run_test([&]() -> task<> {
    const std::string own = to_string(net::local_address_of(given));
    auto ws = co_await connect("ws://app.example/", {.sock = given});
    EXPECT_EQ(ws.request().headers.get("Host"), "app.example");
    auto answer = co_await ask(ws, "who?");
    EXPECT_TRUE(answer.starts_with(own + " to ")) << answer;
  });
  run_rounds();
  EXPECT_FALSE(is_open(given));
  const int blocking = connected_to(server);
  const auto answer = beside_loop([&] {
    auto ws = sync::connect("ws://app.example/", {.sock = blocking});
    ws.send("who?");
    return std::string(ws.recv().text());
  });
  EXPECT_NE(answer.find(" to 127.0.0.1:"), std::string::npos) << answer;
  EXPECT_FALSE(is_open(blocking));
}

TEST(connect_sock, is_closed_whatever_goes_wrong_later) {
  const auto silent = make_listening();
  const auto at = net::local_address_of(silent.number());
  const auto drop_unstarted = [&] {
    { auto unstarted = connect("ws://a", {.sock = give_away(raw_socket::connected(at))}); }
    run_rounds();
  };
  drop_unstarted();  // a loop has descriptors of its own, one of them from its first stream on
  const int before = open_descriptors();
  drop_unstarted();
  EXPECT_EQ(open_descriptors(), before);
  run_test([&]() -> task<> {  // no answer
    auto failure = co_await failure_of([&] {
      return connect("ws://a",
                     {.open_timeout = 10ms, .sock = give_away(raw_socket::connected(at))});
    });
    EXPECT_EQ(failure,
              "timeout: opening a connection to ws://a/ took longer than open_timeout, 10ms");
  });
  run_rounds();
  EXPECT_EQ(open_descriptors(), before);
  EXPECT_TRUE(failure_now([&] {
                sync::connect("ws://a",
                              {.open_timeout = 10ms, .sock = give_away(raw_socket::connected(at))});
              }).starts_with("timeout: "));
  EXPECT_EQ(open_descriptors(), before);
}

TEST(connect_sock, stays_with_its_owner_where_it_is_refused) {
  const auto server = serve(echo, "127.0.0.1");
  const raw_socket good = raw_socket::connected(server.sockets().front());
  const raw_socket fresh(::socket(AF_INET, SOCK_STREAM, 0));
  const auto is_refused = [](const connect_options& options, std::string_view uri = "ws://a") {
    const auto failure = failure_now([&] { auto t = connect(uri, options); });
    EXPECT_EQ(failure_now([&] { sync::connect(uri, options); }), failure);
    return failure;
  };
  EXPECT_EQ(is_refused({.sock = fresh.number()}),
            "invalid argument: sock must be a connected socket, got " +
                std::to_string(fresh.number()) + ", which is not connected");
  EXPECT_EQ(is_refused({.host = "b", .sock = good.number()}),
            "invalid argument: sock must be without host, port, family and local_addr, got " +
                std::to_string(good.number()));
  EXPECT_TRUE(is_refused({.sock = good.number()}, "http://a").starts_with("invalid uri: "));
  EXPECT_EQ(is_refused({.sock = good.number(), .tls = {.server_name = ""}}, "wss://a"),
            "invalid argument: tls: '' is no name of a host");
  EXPECT_TRUE(is_open(good.number()));
  EXPECT_TRUE(is_open(fresh.number()));
}

// --- where from

TEST(connect_local_addr, is_where_the_connection_comes_from) {
  const auto server = serve(tell_addresses, "127.0.0.1");
  const auto port = std::to_string(server.port());
  const auto uri = "ws://localhost:" + port;
  run_test([&]() -> task<> {
    auto ws = co_await connect(uri, {.local_addr = "127.0.0.2"});
    auto answer = co_await ask(ws, "who?");
    EXPECT_TRUE(answer.starts_with("127.0.0.2:")) << answer;
    auto failure = co_await failure_of([&] { return connect(uri, {.local_addr = "192.0.2.1"}); });
    EXPECT_EQ(failure, "system: cannot connect to localhost:" + port +
                           " from 192.0.2.1: cannot assign requested address");
  });
  const auto blocking = [&](address_view from) {
    return beside_loop([&] {
      auto ws = sync::connect(uri, {.local_addr = from});
      ws.send("who?");
      return std::string(ws.recv().text());
    });
  };
  EXPECT_TRUE(blocking("127.0.0.3").starts_with("127.0.0.3:"));
  const auto free_port = net::local_address_of(make_listening().number()).port;
  EXPECT_TRUE(blocking({"127.0.0.3", free_port})
                  .starts_with("127.0.0.3:" + std::to_string(free_port) + " "));
  EXPECT_EQ(blocking("192.0.2.1"), "cannot connect to localhost:" + port +
                                       " from 192.0.2.1: cannot assign requested address");
}

TEST(connect_local_addr, must_be_numeric_and_of_the_family) {
  EXPECT_EQ(failure_now([] { auto t = connect("ws://a", {.local_addr = "eth0"}); }),
            "invalid argument: local_addr must be a numeric address, got 'eth0'");
  EXPECT_EQ(failure_now([] {
              sync::connect("ws://a", {.family = address_family::ipv6, .local_addr = "127.0.0.1"});
            }),
            "invalid argument: local_addr must be of the family, got '127.0.0.1'");
}

}  // namespace
}  // namespace duplex::test
