#include "io/tls_stream.hpp"

#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <duplex/error.hpp>
#include <duplex/tls.hpp>

#include "support/certificates.hpp"
#include "support/loop.hpp"
#include "support/memory_stream.hpp"
#include "tls/client.hpp"
#include "tls/error.hpp"
#include "tls/server.hpp"

namespace duplex::io {
namespace {

using namespace std::chrono_literals;
using test::connect_pair;
using test::connected_pair;
using test::recorder;
using test::run_rounds;
using test::run_until;
using test::try_write;
using names = std::vector<std::string>;

std::string pattern(std::size_t size) {
  std::string result(size, '\0');
  for (std::size_t i = 0; i < size; ++i) result[i] = static_cast<char>((i * 2'654'435'761u) >> 13);
  return result;
}

class tls_stream_over_tcp : public testing::Test {
 protected:
  std::unique_ptr<tls::engine> client_engine() const {
    tls_client options;
    options.ca = authority_.certificate();
    return tls::client(options).make_engine("localhost");
  }
  std::unique_ptr<tls::engine> server_engine() const { return make_tls_engine(server_); }

  // Two ends of TLS over two ends of anything.
  connected_pair encrypt(connected_pair below) const {
    connected_pair result;
    const auto open = [](std::unique_ptr<stream>& to, std::unique_ptr<stream> from,
                         std::unique_ptr<tls::engine> engine) -> task<> {
      auto opened = co_await open_tls(std::move(from), std::move(engine), "the other side", 10s);
      to = std::move(opened);
    };
    scope tasks([](std::exception_ptr) { ADD_FAILURE() << "a handshake failed"; });
    tasks.spawn(open(result.server, std::move(below.server), server_engine()));
    tasks.spawn(open(result.client, std::move(below.client), client_engine()));
    run_until([&] { return tasks.size() == 0; });
    return result;
  }
  connected_pair connected() const { return encrypt(connect_pair()); }

  test::test_authority authority_;
  tls_server server_ = [this] {
    const auto own = authority_.issue();
    return tls_server::pem_text(own.certificate, own.key);
  }();
};

TEST_F(tls_stream_over_tcp, carries_bytes_both_ways) {
  auto [client, server] = connected();
  recorder at_client, at_server;
  client->set_events(&at_client);
  server->set_events(&at_server);
  client->start_reading();
  server->start_reading();
  EXPECT_EQ(try_write(*client, "ping"), 4u);
  EXPECT_EQ(client->try_write({as_bytes("two "), as_bytes("parts")}), 9u);
  server->write(buffer(as_bytes("pong")));
  run_until([&] { return at_server.received == "pingtwo parts" && at_client.received == "pong"; });
  EXPECT_EQ(at_server.received, "pingtwo parts");
  EXPECT_TRUE(at_server.saw("on_written"));
  EXPECT_EQ(server->remote_address(), client->local_address());
  ASSERT_TRUE(client->tls());
  EXPECT_EQ(client->tls()->version, "TLSv1.3");
}

TEST_F(tls_stream_over_tcp, carries_tls_over_tls) {
  auto [client, server] = encrypt(encrypt(connected()));
  recorder at_client, at_server;
  client->set_events(&at_client);
  server->set_events(&at_server);
  client->start_reading();
  server->start_reading();
  const std::string sent = pattern(700'000);
  client->write(buffer(as_bytes(sent)));
  server->write(buffer(as_bytes(sent)));
  run_until([&] {
    return at_server.received.size() == sent.size() && at_client.received.size() == sent.size();
  });
  EXPECT_TRUE(at_server.received == sent);
  EXPECT_TRUE(at_client.received == sent);
}

TEST_F(tls_stream_over_tcp, writes_megabytes_and_tells_once_when_they_have_left) {
  auto [client, server] = connected();
  recorder at_client, at_server;
  client->set_events(&at_client);
  server->set_events(&at_server);
  const std::string sent = pattern(5'000'000);
  client->write(buffer(as_bytes(sent)));
  EXPECT_GT(client->unsent(), 0u);
  EXPECT_EQ(try_write(*client, "out of turn"), 0u);
  EXPECT_TRUE(at_client.events.empty());
  server->start_reading();
  run_until([&] { return at_server.received.size() == sent.size(); });
  EXPECT_TRUE(at_server.received == sent);
  run_rounds();
  EXPECT_EQ(at_client.events, names{"on_written"});
  EXPECT_EQ(client->unsent(), 0u);
}

TEST_F(tls_stream_over_tcp, takes_no_more_than_a_batch_beyond_what_the_socket_takes) {
  auto [client, server] = connected();
  recorder at_client, at_server;
  client->set_events(&at_client);
  server->set_events(&at_server);
  const std::string chunk = pattern(1'000'000);
  std::size_t total = 0, idle = 0;
  while (idle < 3) {
    const auto written = try_write(*client, chunk);
    total += written;
    idle = written == 0 ? idle + 1 : 0;
    run_rounds(1);
  }
  server->start_reading();
  run_until([&] { return at_server.received.size() == total; });
  EXPECT_EQ(at_server.received.size(), total);
  EXPECT_GT(try_write(*client, "again"), 0u);
}

TEST_F(tls_stream_over_tcp, stops_reading_at_once_and_goes_on_where_it_stopped) {
  auto [client, server] = connected();
  recorder at_server;
  at_server.read_size = 10;
  server->set_events(&at_server);
  at_server.at = [&, &reading = server](const std::string& event) {
    if (event == "on_data") reading->stop_reading();
  };
  server->start_reading();
  EXPECT_EQ(try_write(*client, "0123456789abcdefghij"), 20u);
  run_until([&] { return !at_server.received.empty(); });
  run_rounds();
  EXPECT_EQ(at_server.received, "0123456789");
  server->start_reading();
  EXPECT_EQ(at_server.received, "0123456789");  // not from inside the call
  run_until([&] { return at_server.received.size() == 20; });
  EXPECT_EQ(at_server.events, (names{"on_data", "on_data"}));
}

TEST_F(tls_stream_over_tcp, stops_and_starts_inside_its_events) {
  auto [client, server] = connected();
  recorder at_server;
  at_server.read_size = 7;
  server->set_events(&at_server);
  at_server.at = [&, &reading = server](const std::string& event) {
    if (event != "on_data") return;
    reading->stop_reading();
    reading->start_reading();
  };
  server->start_reading();
  const std::string sent = pattern(1'000);
  EXPECT_EQ(try_write(*client, sent), sent.size());
  run_until([&] { return at_server.received.size() == sent.size(); });
  EXPECT_TRUE(at_server.received == sent);
}

TEST_F(tls_stream_over_tcp, may_be_destroyed_inside_any_event) {
  for (const std::string last : {"read_space", "on_data", "on_eof", "on_written"}) {
    auto [client, server] = connected();
    recorder at_server;
    server->set_events(&at_server);
    at_server.at = [&, &doomed = server](const std::string& event) {
      if (event == last) doomed.reset();
    };
    server->start_reading();
    server->write(buffer(as_bytes("x")));
    try_write(*client, "something");
    client->shutdown();
    run_until([&doomed = server] { return !doomed; });
    run_rounds();
    EXPECT_FALSE(server) << last;
  }
}

TEST_F(tls_stream_over_tcp, half_closes) {
  auto [client, server] = connected();
  recorder at_client, at_server;
  client->set_events(&at_client);
  server->set_events(&at_server);
  client->start_reading();
  server->start_reading();
  client->write(buffer(as_bytes("question")));
  client->shutdown();
  run_until([&] { return at_server.saw("on_eof"); });
  EXPECT_EQ(at_server.received, "question");
  EXPECT_EQ(try_write(*server, "answer"), 6u);
  server->shutdown();
  run_until([&] { return at_client.saw("on_eof"); });
  EXPECT_EQ(at_client.received, "answer");
  EXPECT_FALSE(at_client.saw("on_error"));
}

TEST_F(tls_stream_over_tcp, tells_a_cut_from_an_end) {
  auto [client, server] = connected();
  recorder at_client, at_server;
  client->set_events(&at_client);
  client->start_reading();  // tickets for another session
  server->set_events(&at_server);
  server->start_reading();
  run_rounds();
  try_write(*client, "half a sen");
  client.reset();  // TCP ends, TLS does not
  run_until([&] { return at_server.saw("on_error"); });
  run_rounds();
  EXPECT_EQ(at_server.received, "half a sen");
  EXPECT_EQ(at_server.events, (names{"on_data", "on_error"}));
  EXPECT_EQ(at_server.error, tls::errc::truncated);
}

TEST_F(tls_stream_over_tcp, tells_a_cut_to_who_stopped_and_starts_again) {
  auto [client, server] = connected();
  recorder at_client, at_server;
  client->set_events(&at_client);
  client->start_reading();  // tickets for another session
  server->set_events(&at_server);
  server->start_reading();
  run_rounds();
  bool stopped = false;
  // For the cut alone: nothing else is under way.
  at_server.at = [&, &reading = server](const std::string& event) {
    if (event == "read_space") {
      reading->stop_reading();
      stopped = true;
    }
  };
  client.reset();
  run_until([&] { return stopped; });
  run_rounds();
  at_server.at = [](const std::string&) {};
  server->start_reading();
  run_until([&] { return at_server.saw("on_error"); });
  EXPECT_EQ(at_server.error, tls::errc::truncated);
}

TEST_F(tls_stream_over_tcp, tells_a_reset_after_what_came_before) {
  auto [client, server] = connected();
  recorder at_server;
  server->set_events(&at_server);
  server->start_reading();
  try_write(*client, "words");
  client->abort();
  run_until([&] { return at_server.saw("on_error"); });
  run_rounds();
  EXPECT_EQ(at_server.received, "words");
  EXPECT_EQ(at_server.events, (names{"on_data", "on_error"}));
}

TEST_F(tls_stream_over_tcp, tells_nothing_after_abort) {
  auto [client, server] = connected();
  recorder at_client;
  client->set_events(&at_client);
  client->start_reading();
  client->abort();
  server.reset();
  run_rounds();
  EXPECT_TRUE(at_client.events.empty());
}

TEST_F(tls_stream_over_tcp, limits_the_handshake) {
  auto [client, server] = connect_pair();
  EXPECT_THROW(
      test::run(open_tls(std::move(client), client_engine(), "a silent server", limit(20ms))),
      timeout);
}

TEST_F(tls_stream_over_tcp, ends_a_handshake_with_its_token) {
  auto [client, server] = connect_pair();
  std::stop_source stop;
  stop.request_stop();
  try {
    test::run(open_tls(std::move(server), server_engine(), "a client", stop.get_token()));
    FAIL() << "it went on";
  } catch (const std::system_error& problem) {
    EXPECT_EQ(problem.code(), std::errc::operation_canceled);
  }
}

TEST_F(tls_stream_over_tcp, tells_plain_http_where_it_is) {
  auto [client, server] = connect_pair();
  recorder at_client;
  client->set_events(&at_client);
  client->start_reading();
  try_write(*client, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
  at_client.at = [&, &peer = client](const std::string& event) {
    if (event == "on_eof") peer.reset();
  };
  try {
    test::run(open_tls(std::move(server), server_engine(), "127.0.0.1:1", 10s));
    FAIL() << "it went on";
  } catch (const tls_error& problem) {
    EXPECT_EQ(
        std::string(problem.what()),
        "TLS handshake with 127.0.0.1:1 failed: the peer speaks plain HTTP to a port for TLS");
  }
  EXPECT_TRUE(at_client.received.starts_with("HTTP/1.1 400 ")) << at_client.received;
}

TEST_F(tls_stream_over_tcp, ends_a_handshake_where_the_transport_ends) {
  auto [client, server] = connect_pair();
  client.reset();
  try {
    test::run(open_tls(std::move(server), server_engine(), "a client", 10s));
    FAIL() << "it went on";
  } catch (const std::system_error& problem) {
    EXPECT_EQ(std::string(problem.what()),
              "TLS handshake with a client failed: the peer ended the connection without ending "
              "TLS");
  }
}

// A connection resumes its coroutines from inside on_data.
TEST_F(tls_stream_over_tcp, tells_of_what_was_written_while_events_run_the_loop) {
  auto [client, server] = connected();
  recorder at_server;
  server->set_events(&at_server);
  at_server.at = [&, &writing = server](const std::string& event) {
    if (event != "on_data") return;
    writing->write(buffer(as_bytes("answer")));
    loop::current().run_ready();
    EXPECT_FALSE(at_server.saw("on_written"));  // not from inside another event
  };
  server->start_reading();
  try_write(*client, "question");
  run_until([&] { return at_server.saw("on_written"); });
  EXPECT_EQ(at_server.events, (names{"on_data", "on_written"}));
}

// A transport in memory: what happens at each of its operations is the test's.
class tls_stream_in_memory : public tls_stream_over_tcp {
 protected:
  // Lets the engine of the far side talk to the stream's transport until nothing more happens.
  void talk(test::memory_peer& peer, tls::engine& far, std::size_t chunk = 64 * 1024) {
    for (int idle = 0; idle < 2;) {
      far.shake_hands();
      peer.send(as_text(far.output()), chunk);
      far.output_sent(far.output().size());
      peer.pump();
      const std::string bytes = peer.take();
      idle = bytes.empty() ? idle + 1 : 0;
      for (std::size_t i = 0; i < bytes.size();) {
        const auto space = far.input_space();
        const auto part = as_bytes(bytes).subspan(i, std::min(space.size(), bytes.size() - i));
        std::copy(part.begin(), part.end(), space.begin());
        far.received(part.size());
        i += part.size();
        if (far.open()) received += read_all(far);
      }
    }
  }
  static std::string read_all(tls::engine& from) {
    std::string result, space(10'000, '\0');
    while (const auto count = from.read(std::as_writable_bytes(std::span(space)))) {
      result.append(space, 0, count);
    }
    return result;
  }
  struct opening {
    std::unique_ptr<stream> opened;
    std::string failure;
    scope tasks{[this](std::exception_ptr thrown) {
      try {
        std::rethrow_exception(std::move(thrown));
      } catch (const std::exception& problem) {
        failure = problem.what();
      }
    }};
  };
  void start(opening& to, test::memory_peer& peer) {
    const auto open = [](std::unique_ptr<stream>& opened, std::unique_ptr<stream> transport,
                         std::unique_ptr<tls::engine> engine) -> task<> {
      auto done = co_await open_tls(std::move(transport), std::move(engine), "the peer", {});
      opened = std::move(done);
    };
    to.tasks.spawn(open(to.opened, peer.make_stream(), server_engine()));
  }

  std::string received;
};

TEST_F(tls_stream_in_memory, works_with_any_chunks) {
  for (std::size_t chunk : {1, 3, 100, 5'000}) {
    test::memory_peer peer;
    opening server;
    start(server, peer);
    const auto client = client_engine();
    talk(peer, *client, chunk);
    ASSERT_TRUE(server.opened) << server.failure;
    recorder at_server;
    server.opened->set_events(&at_server);
    server.opened->start_reading();
    const std::string sent = pattern(40'000);
    client->write(as_bytes(sent));
    talk(peer, *client, chunk);
    EXPECT_TRUE(at_server.received == sent) << chunk;
  }
}

TEST_F(tls_stream_in_memory, writes_a_batch_of_records_at_once) {
  test::memory_peer peer;
  opening server;
  start(server, peer);
  const auto client = client_engine();
  talk(peer, *client);
  ASSERT_TRUE(server.opened) << server.failure;
  const auto before = peer.writes();
  EXPECT_EQ(server.opened->try_write({as_bytes("header"), as_bytes(pattern(48 * 1024))}),
            48u * 1024 + 6);
  EXPECT_LE(peer.writes() - before, 2u);
  received.clear();
  talk(peer, *client);
  EXPECT_EQ(received.size(), 48u * 1024 + 6);
}

TEST_F(tls_stream_in_memory, holds_a_batch_at_most_for_a_transport_that_takes_nothing) {
  test::memory_peer peer;
  opening server;
  start(server, peer);
  const auto client = client_engine();
  talk(peer, *client);
  ASSERT_TRUE(server.opened) << server.failure;
  recorder at_server;
  server.opened->set_events(&at_server);
  peer.set_room(0);
  const std::string sent = pattern(1'000'000);
  const auto taken = try_write(*server.opened, sent);
  EXPECT_LE(taken, 64u * 1024);
  EXPECT_EQ(try_write(*server.opened, sent), 0u);
  server.opened->write(buffer(as_bytes(sent).subspan(taken)));
  received.clear();
  while (received.size() < sent.size()) {
    peer.make_room(10'000);
    talk(peer, *client);
  }
  EXPECT_TRUE(received == sent);
  EXPECT_EQ(at_server.events, names{"on_written"});
}

TEST_F(tls_stream_in_memory, survives_a_fault_at_every_operation) {
  for (std::size_t operation = 1;; ++operation) {
    test::memory_peer peer;
    peer.fail_at(operation);
    opening server;
    start(server, peer);
    const auto client = client_engine();
    talk(peer, *client, 200);
    recorder at_server;
    if (server.opened) {
      server.opened->set_events(&at_server);
      server.opened->start_reading();
      client->write(as_bytes(pattern(1'000)));
      try_write(*server.opened, "answer");
      talk(peer, *client, 200);
      server.opened->shutdown();
      talk(peer, *client, 200);
    }
    if (!peer.failed()) break;
    EXPECT_TRUE(at_server.saw("on_error") || !server.failure.empty()) << operation;
    ASSERT_LT(operation, 100u);
  }
}

}  // namespace
}  // namespace duplex::io
