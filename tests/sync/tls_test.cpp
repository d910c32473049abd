// wss for blocking clients.
#include <duplex/sync/client.hpp>

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include <chrono>
#include <functional>
#include <future>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

#include <gtest/gtest.h>

#include <duplex/error.hpp>
#include <duplex/io/loop.hpp>
#include <duplex/server.hpp>
#include <duplex/tls.hpp>

#include "support/certificates.hpp"
#include "support/raw_server.hpp"
#include "sync/tls_transport.hpp"
#include "tls/client.hpp"
#include "tls/context.hpp"
#include "tls/server.hpp"

namespace {

using namespace std::chrono_literals;
using namespace duplex;
using duplex::test::raw_peer;
using duplex::test::raw_server;
using duplex::test::test_authority;

std::string pattern(std::size_t size) {
  std::string result(size, '\0');
  for (std::size_t i = 0; i < size; ++i) result[i] = static_cast<char>(i * 2'654'435'761u >> 13);
  return result;
}

std::string failure_of(const std::function<void()>& function) {
  try {
    function();
  } catch (const std::exception& problem) {
    return problem.what();
  }
  return "none";
}

task<> echo(connection& ws) {
  while (auto message = co_await ws.next()) co_await ws.send(*message);
}

// An echo server on a thread and loop of its own.
class server_thread {
 public:
  explicit server_thread(serve_options options, connection_handler handler = echo) {
    std::promise<std::uint16_t> listening;
    thread_ = std::thread([this, &listening, &options, &handler] {
      io::loop loop;
      loop_ = &loop;
      auto server = serve(std::move(handler), "localhost", 0, std::move(options));
      listening.set_value(server.port());
      loop.run_until([&] { return stopping_; });
    });
    port_ = listening.get_future().get();
  }
  ~server_thread() {
    loop_->post([this] { stopping_ = true; });
    thread_.join();
  }
  std::string uri() const { return "wss://localhost:" + std::to_string(port_) + "/"; }
  std::uint16_t port() const { return port_; }

 private:
  std::thread thread_;
  io::loop* loop_ = nullptr;
  std::uint16_t port_ = 0;
  bool stopping_ = false;
};

class SyncTls : public testing::Test {
 protected:
  serve_options with_tls(tls_server_options tls = {}) const {
    const auto own = authority.issue();
    return {.compression = {},
            .max_size = {},
            .tls = tls_server::pem_text(own.certificate, own.key, std::move(tls)),
            .logger = {}};
  }
  connect_options trusting() const {
    connect_options options{.compression = {}, .max_size = {}};
    options.tls.ca = authority.certificate();
    return options;
  }

  test_authority authority;
};

TEST_F(SyncTls, MessagesOfEverySizeComeBack) {
  const server_thread server(with_tls());
  auto ws = sync::connect(server.uri(), trusting());
  for (std::size_t size : {0, 1, 125, 126, 16'383, 16'384, 65'536, 1'000'000, 5'000'000}) {
    const std::string sent = pattern(size);
    std::thread sender([&] { ws.send(as_bytes(sent)); });
    const auto reply = ws.recv(20s);
    sender.join();
    EXPECT_TRUE(as_text(reply.bytes()) == sent) << size;
  }
  EXPECT_EQ(ws.tls()->version, "TLSv1.3");
  EXPECT_EQ(ws.tls()->peer->common_name, "localhost");
  ws.close();
  EXPECT_EQ(ws.close_code(), 1000);
}

TEST_F(SyncTls, ManyMessagesOfOneRecordAreAllReceived) {
  const server_thread server(with_tls());
  auto ws = sync::connect(server.uri(), trusting());
  for (int i = 0; i < 500; ++i) ws.send(std::to_string(i));
  for (int i = 0; i < 500; ++i) EXPECT_EQ(ws.recv(20s).text(), std::to_string(i));
}

TEST_F(SyncTls, PingsAreAnsweredWhileTheOwnerIsAway) {
  const server_thread server(with_tls(), [](connection& ws) -> task<> {
    auto latency = co_await ws.ping(20s);
    if (latency > 0s) co_await ws.send("ponged");
    co_await echo(ws);
  });
  auto ws = sync::connect(server.uri(), trusting());
  EXPECT_EQ(ws.recv(20s).text(), "ponged");
  EXPECT_GT(ws.ping(20s), 0s);
}

TEST_F(SyncTls, StrangersAreRefused) {
  const server_thread server(with_tls());
  const std::string start =
      "TLS handshake with localhost:" + std::to_string(server.port()) + " failed: ";
  EXPECT_EQ(failure_of([&] { sync::connect(server.uri()); }),
            start + "certificate signed by unknown authority (CN=duplex test authority)");
  auto other_name = trusting();
  other_name.tls.server_name = "example.org";
  EXPECT_EQ(failure_of([&] { sync::connect(server.uri(), other_name); }),
            start + "certificate is for localhost, 127.0.0.1, 0:0:0:0:0:0:0:1, not example.org");
  auto careless = connect_options{};
  careless.tls.insecure_skip_verification = true;
  EXPECT_EQ(failure_of([&] { sync::connect(server.uri(), careless); }), "none");
}

TEST_F(SyncTls, AMissingCertificateIsToldWithTheServersAlert) {
  const server_thread server(
      with_tls({.client = client_certificate::required, .client_ca = authority.certificate()}));
  EXPECT_NE(failure_of([&] {
              sync::connect(server.uri(), trusting());
            }).find("the peer ended TLS with the alert 'certificate required'"),
            std::string::npos);
  const auto alice = authority.issue({.common_name = "alice", .names = {}});
  auto options = trusting();
  options.tls.certificate = alice.certificate;
  options.tls.key = alice.key;
  auto ws = sync::connect(server.uri(), options);
  ws.send("known");
  EXPECT_EQ(ws.recv(20s).text(), "known");
}

TEST_F(SyncTls, APlainServerIsToldFromOneThatSpeaksTls) {
  raw_server plain([](raw_peer& peer) { peer.write("HTTP/1.1 400 Bad Request\r\n\r\n"); });
  EXPECT_NE(failure_of([&] {
              sync::connect("wss://127.0.0.1:" + std::to_string(plain.port()), trusting());
            }).find("the peer speaks plain HTTP, no TLS"),
            std::string::npos);
}

TEST_F(SyncTls, TheHandshakeIsBoundByOpenTimeout) {
  raw_server mute([](raw_peer& peer) {
    while (!peer.read_some().empty()) continue;
  });
  auto options = trusting();
  options.open_timeout = 50ms;
  EXPECT_THROW(sync::connect("wss://127.0.0.1:" + std::to_string(mute.port()), options), timeout);
}

TEST_F(SyncTls, ACutIsAnAbnormalEnd) {
  const server_thread server(with_tls(), [](connection& ws) -> task<> {
    auto message = co_await ws.recv(20s);
    co_await ws.send(message);
    ws.abort();
  });
  auto ws = sync::connect(server.uri(), trusting());
  ws.send("last words");
  EXPECT_THROW(
      {
        EXPECT_EQ(ws.recv(20s).text(), "last words");
        ws.recv(20s);
      },
      connection_closed_error);
  EXPECT_EQ(ws.close_code(), 1006);
}

TEST_F(SyncTls, WhatTlsHoldsIsUnsentToo) {
  const server_thread server(with_tls(),
                             [](connection& ws) -> task<> { co_await ws.wait_closed(); });
  auto options = trusting();
  options.write_limit = std::size_t{1} << 30;
  auto ws = sync::connect(server.uri(), options);
  const std::string part(32'768, 'x');
  for (int i = 0; i < 1'000; ++i) ws.send(part);  // more than the server and the system take
  // TLS takes messages of this size whole; of one it has given the system only some.
  EXPECT_NE(ws.buffered_amount() % (part.size() + 8), 0u);
  EXPECT_GT(ws.stats().bytes_unsent, part.size());
  ws.abort();
}

// Reads and writes at most so many bytes at once.
class narrow_transport final : public sync::transport {
 public:
  narrow_transport(std::unique_ptr<transport> below, std::size_t width)
      : below_(std::move(below)), width_(width) {}
  int descriptor() const noexcept override { return below_->descriptor(); }
  sync::transfer read_some(std::span<std::byte> to) noexcept override {
    return below_->read_some(to.first(std::min(width_, to.size())));
  }
  sync::transfer write_some(
      const std::array<std::span<const std::byte>, 2>& bytes) noexcept override {
    const auto& part = bytes[0].empty() ? bytes[1] : bytes[0];
    return below_->write_some({part.first(std::min(width_, part.size())), {}});
  }
  void shut_down() noexcept override { below_->shut_down(); }
  void reset_at_close() noexcept override { below_->reset_at_close(); }
  void close() noexcept override { below_->close(); }

 private:
  std::unique_ptr<transport> below_;
  std::size_t width_;
};

std::pair<sync::descriptor, sync::descriptor> connected_sockets() {
  int numbers[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, numbers) != 0) {
    throw std::system_error(errno, std::system_category());
  }
  return {sync::descriptor(numbers[0]), sync::descriptor(numbers[1])};
}

std::string read_until_end(sync::transport& from) {
  std::string result;
  std::array<std::byte, 777> space;
  for (;;) {
    const auto read = from.read_some(space);
    result += as_text(std::span(space).first(read.count));
    if (read.ended) return result;
    pollfd event{.fd = from.descriptor(), .events = POLLIN, .revents = 0};
    if (!from.has_input()) sync::wait_for_events({&event, 1}, {});
  }
}

void write_all(sync::transport& to, std::string_view text) {
  while (!text.empty() || to.has_output()) {
    const auto written = to.write_some({as_bytes(text), {}});
    text.remove_prefix(written.count);
    pollfd event{.fd = to.descriptor(), .events = POLLOUT, .revents = 0};
    if (!text.empty() || to.has_output()) sync::wait_for_events({&event, 1}, {});
  }
}

// A server, in memory, that has new keys whenever one looks.
class restless_server final : public sync::transport {
 public:
  explicit restless_server(const tls_certificate& own)
      : context_(tls::make_server_context(own, {})), ssl_(SSL_new(context_->native.get())) {
    SSL_set_bio(ssl_.get(), BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    SSL_set_accept_state(ssl_.get());
  }
  int reads() const { return reads_; }

  int descriptor() const noexcept override { return -1; }
  bool has_input() const noexcept override { return true; }
  sync::transfer read_some(std::span<std::byte> to) noexcept override {
    if (SSL_is_init_finished(ssl_.get())) {
      if (++reads_ == 1000) return {.ended = true};
      SSL_key_update(ssl_.get(), SSL_KEY_UPDATE_NOT_REQUESTED);
    }
    SSL_do_handshake(ssl_.get());
    const int count = BIO_read(SSL_get_wbio(ssl_.get()), to.data(), static_cast<int>(to.size()));
    return {.count = static_cast<std::size_t>(std::max(count, 0))};
  }
  sync::transfer write_some(
      const std::array<std::span<const std::byte>, 2>& bytes) noexcept override {
    const int size = static_cast<int>(bytes[0].size());
    return {.count = static_cast<std::size_t>(
                BIO_write(SSL_get_rbio(ssl_.get()), bytes[0].data(), size))};
  }
  void shut_down() noexcept override {}
  void reset_at_close() noexcept override {}
  void close() noexcept override {}

 private:
  std::shared_ptr<const tls::context> context_;
  tls::ssl_ptr ssl_;
  int reads_ = 0;
};

TEST_F(SyncTls, APeerThatSendsNothingButNewKeysHoldsUpNobody) {
  const auto own = authority.issue();
  auto server = std::make_unique<restless_server>(
      tls_certificate{.certificate = own.certificate, .key = own.key});
  const auto& peer = *server;
  tls_client options;
  options.ca = authority.certificate();
  const auto client = sync::open_tls(std::move(server),
                                     tls::client(options).make_engine("localhost"), "server", {});
  std::array<std::byte, 100> space;
  for (int i = 0; i < 10; ++i) {
    const auto read = client->read_some(space);
    EXPECT_FALSE(read.ended);
    EXPECT_EQ(read.count, 0u);
    EXPECT_LE(peer.reads(), i + 1);
  }
  EXPECT_GT(peer.reads(), 5);
}

// TLS over TLS, over sockets of every width.
TEST_F(SyncTls, ATransportOfTlsLiesOverAnyOther) {
  const auto own = authority.issue();
  const auto certificates = tls_server::pem_text(own.certificate, own.key);
  const std::string sent = pattern(100'000);
  for (const std::size_t width : {7, 1'000, 100'000}) {
    auto [near, far] = connected_sockets();
    std::string received;
    std::thread server([&, socket = std::move(far)]() mutable {
      auto outer = sync::open_tls(sync::make_plain_transport(std::move(socket)),
                                  make_tls_engine(certificates), "client", {});
      auto inner = sync::open_tls(std::move(outer), make_tls_engine(certificates), "client", {});
      received = read_until_end(*inner);
    });
    tls_client options;
    options.ca = authority.certificate();
    const tls::client client(options);
    auto outer = sync::open_tls(
        std::make_unique<narrow_transport>(sync::make_plain_transport(std::move(near)), width),
        client.make_engine("localhost"), "server", {});
    auto inner = sync::open_tls(std::move(outer), client.make_engine("localhost"), "server", {});
    write_all(*inner, sent);
    inner->shut_down();
    server.join();
    EXPECT_TRUE(received == sent) << width;
  }
}

}  // namespace
