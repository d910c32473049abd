// One connection in several threads, and many connections one after the other.
#include <duplex/sync/client.hpp>

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <charconv>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "support/event.hpp"
#include "support/memory.hpp"
#include "support/raw_server.hpp"
#include "support/sockets.hpp"

namespace {

using namespace std::chrono_literals;
using duplex::sync::client_connection;
using duplex::sync::connect;
using duplex::test::event;
using duplex::test::mebibyte;
using duplex::test::memory_growth;
using duplex::test::open_descriptors;
using duplex::test::raw_peer;
using duplex::test::raw_server;

void echo(raw_peer& peer) {
  peer.accept_handshake();
  peer.echo();
}

TEST(SyncThreads, OneReceivesWhileFourSend) {
  constexpr int senders = 4, messages = 1000;
  const raw_server server(echo);
  auto ws = connect(server.uri(), {.ping_interval = 5ms});
  std::vector<std::jthread> threads;
  for (int sender = 0; sender < senders; ++sender) {
    threads.emplace_back([&ws, sender] {
      for (int i = 0; i < messages; ++i) {
        ws.send(std::to_string(sender) + ":" + std::to_string(i) + std::string(i % 5000, 'x'));
        if (i % 100 == 0) ws.ping();
      }
    });
  }
  std::vector<int> next(senders, 0);
  for (int i = 0; i < senders * messages; ++i) {
    const auto message = ws.recv(20s);
    const auto text = message.text();
    const int sender = text.front() - '0';
    int number = -1;
    std::from_chars(text.data() + 2, text.data() + text.size(), number);
    ASSERT_EQ(number, next[sender]++) << "of sender " << sender;
  }
}

TEST(SyncThreads, PongBehindAMessageThatRecvTookReachesWhoWaitsForIt) {
  const raw_server server([](raw_peer& peer) {
    peer.accept_handshake();
    for (;;) {
      // A message in front of each pong, in the same write.
      const auto bytes = peer.read_some();
      if (bytes.empty() || (bytes[0] & 0x0F) != 9) return;
      std::string answer = "\x81\x04text\x8A\x04";
      for (std::size_t i = 0; i < 4; ++i) answer += static_cast<char>(bytes[6 + i] ^ bytes[2 + i]);
      peer.write(answer);
    }
  });
  auto ws = connect(server.uri(), {.close_timeout = 1s});
  int slow = 0;
  for (int i = 0; i < 10; ++i) {
    event receiving, received, answered;
    std::jthread receiver([&] {
      receiving.set();
      ws.recv();
      received.set();
      answered.wait();  // busy with the message
    });
    receiving.wait();
    for (int turn = 0; turn < 10; ++turn) std::this_thread::yield();
    const auto start = std::chrono::steady_clock::now();
    ws.ping();
    // The service thread would take longer.
    slow += std::chrono::steady_clock::now() - start > 90ms;
    received.wait();
    answered.set();
  }
  EXPECT_LT(slow, 5);
}

TEST(SyncThreads, LargeMessagesOfSeveralThreadsStayWhole) {
  constexpr int senders = 4, messages = 8;
  constexpr std::size_t size = 700'000;
  const raw_server server(echo);
  auto ws = connect(server.uri());
  std::vector<std::jthread> threads;
  for (int sender = 0; sender < senders; ++sender) {
    threads.emplace_back([&ws, sender] {
      const std::string text(size, static_cast<char>('a' + sender));
      for (int i = 0; i < messages; ++i) ws.send(text);
    });
  }
  for (int i = 0; i < senders * messages; ++i) {
    const auto message = ws.recv(20s);
    ASSERT_EQ(message.size(), size);
    EXPECT_EQ(message.text().find_first_not_of(message.text().front()), std::string::npos);
  }
}

TEST(SyncThreads, PropertiesCanBeReadMeanwhile) {
  const raw_server server(echo);
  auto ws = connect(server.uri(), {.ping_interval = 1ms});
  std::jthread looker([&](const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      ws.state();
      ws.latency();
      ws.close_code();
      ws.close_reason();
      ws.buffered_amount();
    }
  });
  for (int i = 0; i < 500; ++i) {
    ws.send("text");
    ws.recv();
  }
  ws.close();
}

TEST(SyncThreads, CloseByTwoThreadsAtOnceIsOneClose) {
  for (int i = 0; i < 50; ++i) {
    const raw_server server(echo);
    auto ws = connect(server.uri());
    {
      std::jthread one([&] { ws.close(); });
      std::jthread other([&] { ws.close(); });
      EXPECT_FALSE(ws.next());
    }
    EXPECT_EQ(ws.close_code(), 1000);
  }
}

TEST(SyncThreads, CallsEndWhicheverMomentAbortComes) {
  for (int i = 0; i < 25; ++i) {
    const raw_server server(echo);
    auto ws = connect(server.uri());
    std::jthread talker([&] {
      try {
        for (;;) {
          ws.send("text");
          ws.recv();
        }
      } catch (const duplex::connection_closed_error&) {
      }
    });
    for (int turn = 0; turn < i; ++turn) std::this_thread::yield();
    ws.abort();
  }
}

TEST(SyncThreads, SignalsInterruptNothing) {
  struct sigaction before, ours = {};
  ours.sa_handler = [](int) {};  // without SA_RESTART
  sigaction(SIGUSR1, &ours, &before);
  const raw_server server(echo);
  auto ws = connect(server.uri());
  const auto receiver = pthread_self();
  std::jthread disturber([&](const std::stop_token& stop) {
    for (int i = 0; i < 200; ++i) {
      pthread_kill(receiver, SIGUSR1);
      std::this_thread::yield();
    }
    ws.send("last");
    while (!stop.stop_requested()) std::this_thread::yield();
  });
  EXPECT_EQ(ws.recv(20s).text(), "last");
  ws.send(std::string(1'000'000, 'x'));
  EXPECT_EQ(ws.recv().size(), 1'000'000u);
  disturber.request_stop();
  disturber.join();
  sigaction(SIGUSR1, &before, nullptr);
}

TEST(SyncThreads, ClosedConnectionHoldsNoSocket) {
  for (const bool abort : {false, true}) {
    event counted;
    const raw_server server([&](raw_peer& peer) {
      echo(peer);
      counted.wait();  // the server's socket stays
    });
    auto ws = connect(server.uri());
    const auto open = open_descriptors();
    if (abort) {
      ws.abort();
    } else {
      ws.close();
    }
    EXPECT_EQ(open_descriptors(), open - 1);
    counted.set();
  }
}

TEST(SyncThreads, ThousandConnectionsLeaveNothingBehind) {
  const raw_server server(echo);
  auto connect_and_abort = [&](int count) {
    for (int i = 0; i < count; ++i) {
      auto ws = connect(server.uri());
      ws.send("text");
      if (i % 2 == 0) ws.recv();
      ws.abort();
    }
  };
  // What allocators and the first use of everything keep.
  connect_and_abort(200);
  const auto descriptors = open_descriptors();
  memory_growth memory;
  connect_and_abort(1000);
  // One more while the server's side of the last is not closed yet.
  EXPECT_LE(open_descriptors(), descriptors + 1);
  memory.expect_below(mebibyte);
}

}  // namespace
