// wss: servers and clients of coroutines over TLS.
#include <atomic>
#include <duplex/tls.hpp>

#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <duplex/client.hpp>
#include <duplex/server.hpp>
#include <duplex/sync/client.hpp>

#include "api/raw_client.hpp"
#include "io/tls_stream.hpp"
#include "support.hpp"
#include "support/certificates.hpp"
#include "support/raw_server.hpp"
#include "tls/client.hpp"

namespace duplex::test {
namespace {

std::string pattern(std::size_t size) {
  std::string result(size, '\0');
  for (std::size_t i = 0; i < size; ++i) result[i] = static_cast<char>(i * 2'654'435'761u >> 13);
  return result;
}

class wss : public testing::Test {
 protected:
  server serve_tls(serve_options options = {}, tls_server_options tls = {}) {
    const auto own = authority.issue();
    if (!options.tls) options.tls = tls_server::pem_text(own.certificate, own.key, std::move(tls));
    options.logger = [this](const log_record& record) { logged.emplace_back(record.message); };
    return serve(echo, "localhost", 0, std::move(options));
  }
  static std::string uri_of(const server& server, const std::string& host = "localhost") {
    return "wss://" + host + ":" + std::to_string(server.port()) + "/";
  }
  tls_client trusting() const {
    tls_client options;
    options.ca = authority.certificate();
    return options;
  }
  connect_options options_trusting() const { return {.tls = trusting()}; }
  std::string connect_failure(const std::string& uri, const connect_options& options) {
    std::string failure;
    run_test([&]() -> task<> {
      failure = co_await failure_of([&]() -> task<> { co_await connect(uri, options); });
    });
    return failure;
  }
  // A stream of TLS to the server, for a client of raw bytes.
  task<raw_client> connect_raw(std::uint16_t port) {
    auto transport = co_await io::connect_tcp("127.0.0.1", port, address_family::any, 20s);
    auto engine = tls::client(trusting()).make_engine("localhost");
    auto stream = co_await io::open_tls(std::move(transport), std::move(engine), "server", 20s);
    co_return raw_client(std::move(stream));
  }
  bool was_logged(const std::string& part) const {
    for (const auto& each : logged) {
      if (each.find(part) != std::string::npos) return true;
    }
    return false;
  }

  test_authority authority;
  test_files files;
  std::vector<std::string> logged;
};

TEST_F(wss, carries_messages_of_every_size) {
  auto server = serve_tls({.compression = {}, .max_size = {}});
  run_test([&]() -> task<> {
    const connect_options options{.compression = {}, .max_size = {}, .tls = trusting()};
    auto ws = co_await connect(uri_of(server), options);
    for (std::size_t size : {0, 1, 125, 126, 16'383, 16'384, 65'536, 1'000'000, 5'000'000}) {
      const std::string sent = pattern(size);
      co_await ws.send(as_bytes(sent));
      auto reply = co_await ws.recv(20s);
      EXPECT_TRUE(as_text(reply.bytes()) == sent) << size;
    }
    co_await ws.close();
    EXPECT_EQ(ws.close_code(), 1000);
  });
  EXPECT_TRUE(logged.empty() || !was_logged("failed")) << logged.back();
}

TEST_F(wss, tells_what_was_agreed_on) {
  auto server = serve_tls();
  run_test([&]() -> task<> {
    auto options = options_trusting();
    auto ws = co_await connect(uri_of(server), options);
    EXPECT_EQ(ws.tls()->version, "TLSv1.3");
    EXPECT_EQ(ws.tls()->alpn, "http/1.1");
    EXPECT_EQ(ws.tls()->peer->common_name, "localhost");
    const auto* served = server.connections().at(0);
    EXPECT_EQ(served->tls()->server_name, "localhost");
    EXPECT_FALSE(served->tls()->peer);
    co_await ws.close();
    EXPECT_TRUE(ws.tls());  // after the end too
  });
}

TEST_F(wss, reads_authorities_from_a_file) {
  auto server = serve_tls();
  const auto file = files.write("ca.pem", authority.certificate());
  run_test([&]() -> task<> {
    auto ws = co_await connect(uri_of(server), {.tls = {.ca_file = file}});
    co_await ws.send("hello");
    auto reply = co_await ws.recv(20s);
    EXPECT_EQ(reply.text(), "hello");
  });
}

TEST_F(wss, refuses_who_is_not_trusted) {
  auto server = serve_tls();
  const std::string port = std::to_string(server.port());
  EXPECT_EQ(connect_failure(uri_of(server), {}),
            "tls: TLS handshake with localhost:" + port +
                " failed: certificate signed by unknown authority (CN=duplex test authority)");
  EXPECT_TRUE(run_loop_until([&] { return was_logged("alert 'unknown CA'"); }));
}

TEST_F(wss, refuses_another_host) {
  const auto own = authority.issue({.names = {"DNS:example.org"}});
  auto server = serve_tls({.tls = tls_server::pem_text(own.certificate, own.key)});
  const std::string port = std::to_string(server.port());
  EXPECT_EQ(connect_failure(uri_of(server), options_trusting()),
            "tls: TLS handshake with localhost:" + port +
                " failed: certificate is for example.org, not localhost");
  EXPECT_EQ(connect_failure(uri_of(server, "127.0.0.1"),
                            {.family = address_family::ipv4, .tls = trusting()}),
            "tls: TLS handshake with 127.0.0.1:" + port +
                " failed: certificate is for example.org, not 127.0.0.1");
}

TEST_F(wss, checks_the_host_of_the_uri_wherever_it_connects_to) {
  const auto own = authority.issue({.names = {"DNS:example.org"}});
  auto server = serve_tls({.tls = tls_server::pem_text(own.certificate, own.key)});
  run_test([&]() -> task<> {
    const connect_options options{.host = "localhost", .port = server.port(), .tls = trusting()};
    auto ws = co_await connect("wss://example.org/", options);
    EXPECT_EQ(server.connections().at(0)->tls()->server_name, "example.org");
    co_await ws.close();
  });
}

TEST_F(wss, trusts_anyone_where_told_by_name) {
  const auto own = self_signed({.names = {"DNS:example.org"}});
  auto server = serve_tls({.tls = tls_server::pem_text(own.certificate, own.key)});
  run_test([&]() -> task<> {
    auto ws = co_await connect(uri_of(server), {.tls = {.insecure_skip_verification = true}});
    co_await ws.close();
  });
}

TEST_F(wss, refuses_options_that_make_no_sense_at_the_call) {
  const auto failure = [](const tls_client& tls) {
    return failure_now([&] { auto unused = connect("wss://localhost/", {.tls = tls}); });
  };
  const auto own = authority.issue();
  const auto other = authority.issue();
  const auto empty = files.write("empty.pem", "nothing\n");
  EXPECT_EQ(failure({.ca_file = "/no/such/file.pem"}),
            "system: cannot read tls.ca_file '/no/such/file.pem': no such file or directory");
  EXPECT_EQ(failure({.ca_file = ""}), "invalid argument: tls.ca_file must be a path, got ''");
  EXPECT_EQ(failure({.ca_file = empty}),
            "invalid argument: tls.ca_file '" + empty + "' holds no certificate in PEM");
  EXPECT_EQ(failure({.ca = "nothing"}), "invalid argument: tls.ca holds no certificate in PEM");
  EXPECT_EQ(failure({.key = own.key}), "invalid argument: tls.key needs tls.certificate");
  EXPECT_EQ(failure({.certificate = own.certificate}),
            "invalid argument: tls.certificate needs tls.key");
  EXPECT_EQ(failure({.certificate = own.certificate, .key = other.key}),
            "invalid argument: tls.key is not the key of the certificate in tls.certificate");
  const auto locked = encrypted_key(own.key, "open sesame");
  EXPECT_EQ(failure({.certificate = own.certificate, .key = locked}),
            "invalid argument: tls.key is encrypted, and no password is given");
  EXPECT_EQ(failure({.certificate = own.certificate, .key = locked, .password = "wrong"}),
            "invalid argument: tls.key is encrypted with another password");
  EXPECT_EQ(failure({.certificate = own.certificate, .key = locked, .password = "open sesame"}),
            "none");
  EXPECT_EQ(failure({.alpn = {std::string_view("")}}),
            "invalid argument: tls.alpn needs names of 1 to 255 bytes, got ''");
}

TEST_F(wss, refuses_certificates_that_make_no_sense_at_the_call) {
  const auto failure = [](const std::string& chain, const std::string& key,
                          tls_server_options options = {}) {
    return failure_now([&] { tls_server::pem(chain, key, std::move(options)); });
  };
  const auto own = authority.issue();
  const auto chain = files.write("chain.pem", own.certificate);
  const auto key = files.write("key.pem", own.key);
  const auto other = files.write("other.pem", authority.issue().key);
  const auto locked = files.write("locked.pem", encrypted_key(own.key, "open sesame"));
  const auto old =
      files.write("old.pem", authority.issue({.starts = -48h, .ends = -24h}).certificate);
  EXPECT_EQ(failure(chain, key), "none");
  EXPECT_EQ(failure("/no/such.pem", key),
            "system: cannot read tls.certificate_file '/no/such.pem': no such file or directory");
  EXPECT_EQ(failure(chain, "/no/such.pem"),
            "system: cannot read tls.key_file '/no/such.pem': no such file or directory");
  EXPECT_EQ(failure(key, key),
            "invalid argument: tls.certificate_file '" + key + "' holds no certificate in PEM");
  EXPECT_EQ(failure(chain, chain),
            "invalid argument: tls.key_file '" + chain + "' holds no private key in PEM");
  EXPECT_EQ(failure(chain, other), "invalid argument: tls.key_file '" + other +
                                       "' is not the key of the certificate in "
                                       "tls.certificate_file '" +
                                       chain + "'");
  EXPECT_EQ(failure(chain, locked), "invalid argument: tls.key_file '" + locked +
                                        "' is encrypted, and no password is given");
  EXPECT_TRUE(failure(old, key).find("is not the key of") != std::string::npos);
  const auto expired = authority.issue({.starts = -48h, .ends = -24h});
  const auto problem =
      failure(files.write("a.pem", expired.certificate), files.write("b.pem", expired.key));
  EXPECT_NE(problem.find("holds a certificate that expired on 20"), std::string::npos) << problem;
  EXPECT_EQ(failure(chain, key, {.client = client_certificate::required}),
            "invalid argument: tls.client needs tls.client_ca_file or tls.client_ca");
  EXPECT_EQ(failure(chain, key, {.client_ca = authority.certificate()}).substr(0, 17),
            "invalid argument:");
  EXPECT_EQ(failure(chain, key, {.alpn = {""}}),
            "invalid argument: tls.alpn needs names of 1 to 255 bytes, got ''");
  std::string asked_for;
  EXPECT_EQ(failure(chain, locked,
                    {.password =
                         [&](std::string_view file) {
                           asked_for = file;
                           return std::string("open sesame");
                         }}),
            "none");
  EXPECT_EQ(asked_for, locked);
}

TEST_F(wss, knows_its_clients_by_their_certificates) {
  auto server =
      serve_tls({}, {.client = client_certificate::required, .client_ca = authority.certificate()});
  const auto alice = authority.issue({.common_name = "alice", .names = {}});
  auto options = options_trusting();
  options.tls.certificate = alice.certificate;
  options.tls.key = alice.key;
  run_test([&]() -> task<> {
    auto ws = co_await connect(uri_of(server), options);
    EXPECT_EQ(server.connections().at(0)->tls()->peer->subject, "CN=alice");
    co_await ws.close();
  });
  EXPECT_EQ(connect_failure(uri_of(server), options_trusting()),
            "system: reading: the peer ended TLS with the alert 'certificate required'");
  EXPECT_TRUE(
      run_loop_until([&] { return was_logged("the peer has no certificate, and must have one"); }));
  const auto mallory = test_authority("Nobody").issue({.common_name = "mallory", .names = {}});
  options.tls.certificate = mallory.certificate;
  options.tls.key = mallory.key;
  EXPECT_EQ(connect_failure(uri_of(server), options),
            "system: reading: the peer ended TLS with the alert 'unknown CA'");
}

TEST_F(wss, tells_steps_of_the_handshake_whose_certificate_it_is) {
  const auto only_alice = [](handshake& peer, const request&) -> std::optional<response> {
    if (!peer.tls || peer.tls->peer->common_name != "alice") return respond(403, "not for you\n");
    peer.username = peer.tls->peer->common_name;
    return std::nullopt;
  };
  auto server = serve_tls({.process_request = only_alice}, {.client = client_certificate::required,
                                                            .client_ca = authority.certificate()});
  auto options = options_trusting();
  const auto alice = authority.issue({.common_name = "alice", .names = {}});
  options.tls.certificate = alice.certificate;
  options.tls.key = alice.key;
  run_test([&]() -> task<> {
    auto ws = co_await connect(uri_of(server), options);
    EXPECT_EQ(server.connections().at(0)->username(), "alice");
    co_await ws.close();
  });
  const auto bob = authority.issue({.common_name = "bob", .names = {}});
  options.tls.certificate = bob.certificate;
  options.tls.key = bob.key;
  EXPECT_NE(connect_failure(uri_of(server), options).find("403"), std::string::npos);
}

TEST_F(wss, takes_new_certificates_without_dropping_connections) {
  const auto first = authority.issue({.common_name = "first"});
  const auto chain = files.write("chain.pem", first.certificate);
  const auto key = files.write("key.pem", first.key);
  auto tls = tls_server::pem(chain, key);
  auto server = serve_tls({.tls = tls});
  run_test([&]() -> task<> {
    auto options = options_trusting();
    auto before = co_await connect(uri_of(server), options);
    EXPECT_EQ(before.tls()->peer->common_name, "first");

    const auto second = authority.issue({.common_name = "second"});
    files.write("chain.pem", second.certificate);
    EXPECT_THROW(tls.reload(), std::invalid_argument);  // half of it
    auto meanwhile = co_await connect(uri_of(server), options);
    EXPECT_EQ(meanwhile.tls()->peer->common_name, "first");
    files.write("key.pem", second.key);
    tls.reload();

    auto after = co_await connect(uri_of(server), options);
    EXPECT_EQ(after.tls()->peer->common_name, "second");
    co_await before.send("still here");
    auto reply = co_await before.recv(20s);
    EXPECT_EQ(reply.text(), "still here");

    const auto third = authority.issue({.common_name = "third"});
    tls.replace(tls_server::pem_text(third.certificate, third.key));
    auto last = co_await connect(uri_of(server), options);
    EXPECT_EQ(last.tls()->peer->common_name, "third");
  });
}

TEST_F(wss, tells_plain_clients_that_it_speaks_tls) {
  auto server = serve_tls();
  run_test([&]() -> task<> {
    auto plain = co_await raw_client::connect(server.port());
    co_await plain.write(upgrade_request());
    auto answer = co_await plain.read_to_end();
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 400 Bad Request\r\n")) << answer;
    EXPECT_TRUE(answer.ends_with("this port speaks TLS: use wss or https\n")) << answer;
    EXPECT_FALSE(plain.was_reset());
  });
  EXPECT_TRUE(run_loop_until([&] { return was_logged("speaks plain HTTP to a port for TLS"); }));
}

TEST_F(wss, tells_clients_that_the_server_is_plain) {
  auto server =
      serve(echo, "localhost", 0,
            {.logger = [this](const log_record& record) { logged.emplace_back(record.message); }});
  EXPECT_EQ(connect_failure(uri_of(server), options_trusting()),
            "tls: TLS handshake with localhost:" + std::to_string(server.port()) +
                " failed: the peer speaks plain HTTP, no TLS: ws or http instead?");
  EXPECT_TRUE(run_loop_until([&] { return was_logged("this looks like TLS"); }));
}

TEST_F(wss, bounds_the_handshake_of_tls_by_open_timeout) {
  auto server = serve_tls({.open_timeout = 50ms});
  run_test([&]() -> task<> {
    auto silent = co_await raw_client::connect(server.port());
    auto answer = co_await silent.read_to_end();
    EXPECT_EQ(answer, "");
  });
  EXPECT_TRUE(was_logged(" failed: TLS handshake with ")) << logged.size();
  raw_server mute([](raw_peer& peer) {
    while (!peer.read_some().empty()) continue;
  });
  const std::string uri = "wss://127.0.0.1:" + std::to_string(mute.port()) + "/";
  EXPECT_EQ(connect_failure(uri, {.open_timeout = 50ms}),
            "timeout: opening a connection to " + uri + " took longer than open_timeout, 50ms");
}

TEST_F(wss, logs_who_was_refused_once_however_that_one_leaves) {
  auto server = serve_tls({.origins = {same_origin}});
  run_test([&]() -> task<> {
    for (int i = 0; i < 2; ++i) {
      auto client = co_await connect_raw(server.port());
      co_await client.write(upgrade_request());
      auto answer = co_await client.read_until("\r\n\r\n");
      EXPECT_TRUE(answer.starts_with("HTTP/1.1 403 "));
      client.abort();  // without an end of TLS; the next one comes after it
    }
  });
  EXPECT_TRUE(was_logged("connection rejected (403 Forbidden)"));
  EXPECT_FALSE(was_logged("failed"));
}

TEST_F(wss, takes_a_cut_for_an_abnormal_end) {
  auto server = serve_tls();
  std::string end;
  auto watching = serve(
      [&](connection& ws) -> task<> {
        end = co_await failure_of([&]() -> task<> {
          while (auto message = co_await ws.next()) co_await ws.send(*message);
        });
        EXPECT_EQ(ws.close_code(), 1006);
      },
      "localhost", 0, {.tls = server.options().tls, .logger = {}});
  run_test([&]() -> task<> {
    auto client = co_await connect_raw(watching.port());
    co_await client.write(upgrade_request());
    co_await client.read_until("\r\n\r\n");
    co_await client.write(text_frame(side::client, "hello"));
    co_await client.read(7);
  });  // TCP ends without an end of TLS
  EXPECT_TRUE(run_loop_until([&] { return !end.empty(); }));
  EXPECT_TRUE(end.starts_with("closed error: no close frame")) << end;
}

TEST_F(wss, closes_both_layers_in_order) {
  auto server = serve_tls();
  run_test([&]() -> task<> {
    auto client = co_await connect_raw(server.port());
    co_await client.write(upgrade_request());
    co_await client.read_until("\r\n\r\n");
    co_await client.write(close_frame(side::client, 1000, "bye"));
    auto answer = co_await client.read_to_end();
    EXPECT_EQ(frames_of(answer, side::server), std::vector<std::string>{"close 1000 bye"});
    EXPECT_FALSE(client.was_reset());  // which an end of TCP alone would be
  });
}

TEST_F(wss, bounds_what_waits_for_a_peer_that_does_not_read) {
  std::size_t most = 0, sent = 0;
  const auto own = authority.issue();
  auto flood = serve(
      [&](connection& ws) -> task<> {
        const std::string part = pattern(16'384);
        co_await failure_of([&]() -> task<> {
          for (;;) {
            co_await ws.send(as_bytes(part), {.compress = false}, 300ms);
            sent += part.size();
            most = std::max(most, ws.buffered_amount());
          }
        });
        most = std::max(most, ws.buffered_amount());  // with what the last one waits for
        ws.abort();
      },
      "localhost", 0,
      {.write_limit = 64 * 1024,
       .tls = tls_server::pem_text(own.certificate, own.key),
       .logger = {}});
  std::optional<raw_client> client;
  run_test([&]() -> task<> {
    auto opened = co_await connect_raw(flood.port());
    client.emplace(std::move(opened));
    co_await client->write(upgrade_request());
    co_await client->read_until("\r\n\r\n");
  });
  EXPECT_TRUE(run_loop_until([&] { return flood.connections().empty(); }));
  EXPECT_GT(sent, 0u);
  EXPECT_GT(most, 64u * 1024) << "what TLS has taken and the system has not is counted";
  EXPECT_LE(most, 64u * 1024 + 16'384 + 16 + 52 * 1024);
}

TEST_F(wss, works_for_blocking_clients_of_the_same_process) {
  auto server = serve_tls();
  std::string reply;
  std::atomic<bool> done = false;
  std::thread client([&, options = options_trusting()] {
    auto ws = sync::connect(uri_of(server), options);
    ws.send("from a thread");
    reply = ws.recv(20s).text();
    done = true;
  });
  EXPECT_TRUE(run_loop_until([&] { return done && server.connections().empty(); }));
  client.join();
  EXPECT_EQ(reply, "from a thread");
}

}  // namespace
}  // namespace duplex::test
