#include "tls/engine.hpp"

#include <algorithm>
#include <chrono>
#include <ctime>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <malloc.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include <duplex/error.hpp>

#include "support/certificates.hpp"
#include "support/sanitizers.hpp"
#include "tls/client.hpp"
#include "tls/error.hpp"
#include "tls/server.hpp"

namespace duplex::tls {
namespace {

using test::certificate_wish;
using test::test_authority;
using test::test_certificate;
using namespace std::chrono_literals;

// Hands so many bytes of ciphertext on as the chunk says; gives how many.
std::size_t carry(engine& from, engine& to, std::size_t chunk = 1 << 20) {
  const auto bytes = from.output().first(std::min(chunk, from.output().size()));
  const auto space = to.input_space();
  const auto count = std::min(bytes.size(), space.size());
  std::copy_n(bytes.begin(), count, space.begin());
  if (count != 0) to.received(count);
  from.output_sent(count);
  return count;
}

void feed(engine& to, std::string_view text) {
  const auto bytes = as_bytes(text);
  const auto space = to.input_space();
  ASSERT_LE(bytes.size(), space.size());
  std::copy(bytes.begin(), bytes.end(), space.begin());
  to.received(bytes.size());
}

std::string read_all(engine& from, std::size_t step = 64 * 1024) {
  std::string result, space(step, '\0');
  for (;;) {
    const auto count = from.read(std::as_writable_bytes(std::span(space)));
    if (count == 0) return result;
    result.append(space, 0, count);
  }
}

std::string date_text(std::chrono::system_clock::time_point when) {
  const auto time = std::chrono::system_clock::to_time_t(when);
  std::tm parts = {};
  gmtime_r(&time, &parts);
  char text[16];
  return {text, std::strftime(text, sizeof text, "%Y-%m-%d", &parts)};
}

// Takes certificates our own servers refuse to begin with.
std::shared_ptr<context> careless_context(const test_certificate& own,
                                          const SSL_METHOD* method = TLS_method()) {
  auto result = std::make_shared<context>();
  result->native.reset(SSL_CTX_new(method));
  const auto certificates = read_certificates(pem_source::memory(own.certificate, "a certificate"));
  const bio_ptr bio(BIO_new_mem_buf(own.key.data(), static_cast<int>(own.key.size())));
  const key_ptr key(PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, nullptr));
  SSL_CTX_use_certificate(result->native.get(), certificates.front().get());
  SSL_CTX_use_PrivateKey(result->native.get(), key.get());
  return result;
}

// A client that does with OpenSSL what ours never would.
class wild_client {
 public:
  explicit wild_client(int version) : context_(SSL_CTX_new(TLS_client_method())) {
    SSL_CTX_set_min_proto_version(context_.get(), version);
    SSL_CTX_set_max_proto_version(context_.get(), version);
    if (version < TLS1_2_VERSION) SSL_CTX_set_security_level(context_.get(), 0);
    ssl_.reset(SSL_new(context_.get()));
    SSL_set_bio(ssl_.get(), BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    SSL_set_connect_state(ssl_.get());
  }
  SSL* ssl() { return ssl_.get(); }
  std::string output() {
    char* text = nullptr;
    BIO* const bio = SSL_get_wbio(ssl_.get());
    const long size = BIO_get_mem_data(bio, &text);
    std::string result(text, static_cast<std::size_t>(size));
    static_cast<void>(BIO_reset(bio));
    return result;
  }
  void shake_hands(engine& server) {
    for (int i = 0; i < 10; ++i) {
      SSL_do_handshake(ssl_.get());
      if (const auto out = output(); !out.empty()) feed(server, out);
      server.shake_hands();
      const auto answer = server.output();
      BIO_write(SSL_get_rbio(ssl_.get()), answer.data(), static_cast<int>(answer.size()));
      server.output_sent(answer.size());
    }
  }

 private:
  context_ptr context_;
  ssl_ptr ssl_;
};

struct setting {
  tls_server_options server = {};
  tls_client client = {};
  std::string host = "localhost";
  std::size_t chunk = 1 << 20;
};

// A server's certificate, who signed it, and two engines that talk in memory.
class engines : public testing::Test {
 protected:
  void make(const setting& with = {}) { make(with, authority.issue()); }
  void make(const setting& with, const test_certificate& own) {
    tls_client options = with.client;
    if (!options.ca && !options.insecure_skip_verification) options.ca = authority.certificate();
    client = tls::client(options).make_engine(with.host);
    server = make_tls_engine(tls_server::pem_text(own.certificate, own.key, with.server));
    chunk = with.chunk;
  }
  // Until both are done, one has failed, or nothing happens any more.
  bool shake_hands() {
    for (int rounds = 0; rounds < 100'000; ++rounds) {
      const bool a = client->shake_hands(), b = server->shake_hands();
      if (a && b) return true;
      if (carry(*client, *server, chunk) + carry(*server, *client, chunk) == 0) return false;
    }
    return false;
  }
  // What the client has against a certificate.
  std::string refusal(const certificate_wish& wish, const setting& with = {}) {
    make(with, authority.issue(wish));
    EXPECT_FALSE(shake_hands());
    return client->problem();
  }
  void exchange() {
    while (carry(*client, *server, chunk) + carry(*server, *client, chunk) != 0) continue;
  }

  test_authority authority;
  std::unique_ptr<engine> client, server;
  std::size_t chunk = 1 << 20;
};

TEST_F(engines, carry_bytes_both_ways) {
  make();
  ASSERT_TRUE(shake_hands()) << client->problem() << server->problem();
  EXPECT_TRUE(client->write(as_bytes("from the client")));
  EXPECT_TRUE(server->write(as_bytes("from the server")));
  exchange();
  EXPECT_EQ(read_all(*server), "from the client");
  EXPECT_EQ(read_all(*client), "from the server");
}

TEST_F(engines, shake_hands_a_byte_at_a_time) {
  make({.chunk = 1});
  ASSERT_TRUE(shake_hands()) << client->problem() << server->problem();
  std::string received;
  client->write(as_bytes("slow"));
  while (carry(*client, *server, 1) != 0) received += read_all(*server);
  EXPECT_EQ(received, "slow");
}

TEST_F(engines, agree_on_what_info_tells) {
  make();
  ASSERT_TRUE(shake_hands());
  const auto seen = client->info(), told = server->info();
  EXPECT_EQ(seen.version, "TLSv1.3");
  EXPECT_EQ(seen.cipher, told.cipher);
  EXPECT_EQ(seen.alpn, "http/1.1");
  EXPECT_EQ(told.alpn, "http/1.1");
  EXPECT_EQ(told.server_name, "localhost");
  EXPECT_FALSE(told.peer);
  ASSERT_TRUE(seen.peer);
  EXPECT_EQ(seen.peer->subject, "CN=localhost");
  EXPECT_EQ(seen.peer->common_name, "localhost");
  EXPECT_EQ(seen.peer->names,
            (std::vector<std::string>{"localhost", "127.0.0.1", "0:0:0:0:0:0:0:1"}));
}

TEST_F(engines, carry_megabytes_in_records_of_full_size) {
  make();
  ASSERT_TRUE(shake_hands());
  exchange();
  read_all(*client);
  std::string sent(3'000'000, '\0');
  for (std::size_t i = 0; i < sent.size(); ++i) sent[i] = static_cast<char>(i * 31 >> 3);
  ASSERT_TRUE(server->write(as_bytes(sent)));
  EXPECT_LT(server->output().size(), sent.size() + sent.size() / record_size * 32 + 64);
  std::string received;
  while (carry(*server, *client, 50'000) != 0) received += read_all(*client, 20'000);
  EXPECT_TRUE(received == sent);
}

TEST_F(engines, fill_the_space_they_are_given_with_several_records) {
  make();
  ASSERT_TRUE(shake_hands());
  exchange();
  read_all(*client);
  for (int i = 0; i < 5; ++i) server->write(as_bytes(std::string(1'000, 'a')));
  exchange();
  std::vector<std::byte> space(4'500);
  EXPECT_EQ(client->read(space), 4'500u);
  EXPECT_TRUE(client->has_input());
  EXPECT_EQ(client->read(space), 500u);
  EXPECT_FALSE(client->has_input());
}

// --- whom a client trusts

TEST_F(engines, refuse_who_has_expired) {
  const auto old = authority.issue({.starts = -100 * 24h, .ends = -24h});
  make();
  server = std::make_unique<engine>(careless_context(old), side::server);
  EXPECT_FALSE(shake_hands());
  const auto end = std::chrono::system_clock::now() - 24h;
  EXPECT_TRUE(client->problem() == "certificate expired on " + date_text(end) ||
              client->problem() == "certificate expired on " + date_text(end - 1min))
      << client->problem();
}

TEST_F(engines, refuse_who_is_not_valid_yet) {
  const std::string problem = refusal({.starts = 24h, .ends = 48h});
  EXPECT_TRUE(problem.starts_with("certificate is not valid before 20")) << problem;
}

TEST_F(engines, refuse_another_host) {
  EXPECT_EQ(refusal({.names = {"DNS:example.org", "DNS:*.example.net"}}),
            "certificate is for example.org, *.example.net, not localhost");
  EXPECT_EQ(refusal({.names = {}}),
            "certificate is for no host at all (it has no subjectAltName), not localhost");
}

TEST_F(engines, refuse_another_address) {
  EXPECT_EQ(refusal({.names = {"IP:127.0.0.2", "DNS:127.0.0.1"}}, {.host = "127.0.0.1"}),
            "certificate is for 127.0.0.2, 127.0.0.1, not 127.0.0.1");
  EXPECT_EQ(refusal({.names = {"DNS:localhost"}}, {.host = "::1"}),
            "certificate is for localhost, not ::1");
}

TEST_F(engines, make_names_of_a_stranger_harmless_for_terminals) {
  EXPECT_EQ(refusal({.names = {"DNS:\x1b[31mexample.org"}}),
            "certificate is for \\x1b[31mexample.org, not localhost");
}

// OpenSSL would take it for all names below it.
TEST_F(engines, refuse_a_host_that_begins_with_a_dot) {
  EXPECT_THROW(tls::client({}).make_engine(".example.org"), std::invalid_argument);
}

TEST_F(engines, accept_wildcards_of_a_whole_label_only) {
  const certificate_wish wish{.names = {"DNS:*.example.org", "DNS:b*.example.com"}};
  make({.host = "a.example.org"}, authority.issue(wish));
  EXPECT_TRUE(shake_hands());
  for (const char* host : {"example.org", "a.b.example.org", "bar.example.com"}) {
    EXPECT_NE(refusal(wish, {.host = host}).find(std::string(", not ") + host), std::string::npos);
  }
}

TEST_F(engines, accept_the_root_s_dot_and_addresses) {
  for (const char* host : {"localhost.", "127.0.0.1", "::1", "LOCALHOST"}) {
    make({.host = host});
    EXPECT_TRUE(shake_hands()) << host << ": " << client->problem();
  }
}

TEST_F(engines, refuse_who_signs_himself) {
  make({}, test::self_signed());
  EXPECT_FALSE(shake_hands());
  EXPECT_EQ(client->problem(), "certificate is signed by itself (CN=localhost)");
}

TEST_F(engines, refuse_an_authority_nobody_knows) {
  const test_authority other("Nobody");
  make({}, other.issue());
  EXPECT_FALSE(shake_hands());
  EXPECT_EQ(client->problem(), "certificate signed by unknown authority (CN=Nobody)");
  shake_hands();
  EXPECT_EQ(server->problem(), "the peer refuses, with the alert 'unknown CA'");
}

TEST_F(engines, follow_a_chain_to_its_root) {
  const auto below = authority.issue_authority("Below");
  make({}, below->issue());
  EXPECT_TRUE(shake_hands()) << client->problem();
  // The one between is missing.
  auto cut = below->issue();
  cut.certificate.resize(cut.certificate.find("-----END CERTIFICATE-----\n") + 26);
  make({}, cut);
  EXPECT_FALSE(shake_hands());
  EXPECT_EQ(client->problem(), "certificate signed by unknown authority (CN=Below)");
}

TEST_F(engines, trust_what_they_are_told_to) {
  const auto own = test::self_signed();
  setting with;
  with.client.ca = own.certificate;
  make(with, own);
  EXPECT_TRUE(shake_hands()) << client->problem();
}

TEST_F(engines, trust_anyone_only_where_told_by_name) {
  setting with;
  with.client.insecure_skip_verification = true;
  make(with, test::self_signed({.names = {"DNS:example.org"}}));
  EXPECT_TRUE(shake_hands()) << client->problem();
}

TEST_F(engines, check_the_name_given_instead_of_the_host) {
  setting with;
  with.client.server_name = "example.org";
  make(with, authority.issue({.names = {"DNS:example.org"}}));
  EXPECT_TRUE(shake_hands()) << client->problem();
  EXPECT_EQ(server->info().server_name, "example.org");
}

TEST_F(engines, refuse_strangers_with_the_system_s_authorities) {
  const auto own = authority.issue();
  client = tls::client({}).make_engine("localhost");
  server = make_tls_engine(tls_server::pem_text(own.certificate, own.key));
  EXPECT_FALSE(shake_hands());
  EXPECT_EQ(client->problem(),
            "certificate signed by unknown authority (CN=duplex test authority)");
}

// --- certificates of clients

TEST_F(engines, ask_clients_for_certificates) {
  const auto alice = authority.issue({.common_name = "alice", .names = {}});
  setting with;
  with.server.client = client_certificate::required;
  with.server.client_ca = authority.certificate();
  with.client.certificate = alice.certificate;
  with.client.key = alice.key;
  make(with);
  ASSERT_TRUE(shake_hands()) << server->problem();
  EXPECT_EQ(server->info().peer->subject, "CN=alice");
}

TEST_F(engines, refuse_clients_without_a_certificate) {
  setting with;
  with.server.client = client_certificate::required;
  with.server.client_ca = authority.certificate();
  make(with);
  shake_hands();
  EXPECT_EQ(server->problem(), "the peer has no certificate, and must have one");
  // With TLS 1.3 the client is done before it hears of it.
  exchange();
  EXPECT_EQ(read_all(*client), "");
  EXPECT_EQ(client->error(), alert_error(116));
  EXPECT_EQ(client->error().message(), "the peer ended TLS with the alert 'certificate required'");
}

TEST_F(engines, refuse_clients_with_a_stranger_s_certificate) {
  const test_authority other("Nobody");
  const auto mallory = other.issue({.common_name = "mallory", .names = {}});
  setting with;
  with.server.client = client_certificate::optional;
  with.server.client_ca = authority.certificate();
  with.client.certificate = mallory.certificate;
  with.client.key = mallory.key;
  make(with);
  shake_hands();
  EXPECT_EQ(server->problem(), "certificate signed by unknown authority (CN=Nobody)");
}

TEST_F(engines, take_optional_certificates_or_none) {
  setting with;
  with.server.client = client_certificate::optional;
  with.server.client_ca = authority.certificate();
  make(with);
  EXPECT_TRUE(shake_hands());
  EXPECT_FALSE(server->info().peer);
}

// --- names, protocols, versions

TEST_F(engines, choose_the_certificate_by_the_name_asked_for) {
  const auto shop = authority.issue({.common_name = "shop", .names = {"DNS:shop.example"}});
  const auto any = authority.issue({.common_name = "any", .names = {"DNS:*.example.org"}});
  for (const auto& [host, expected] : {std::pair{"shop.example", "shop"},
                                       {"blog.example.org", "any"},
                                       {"localhost", "localhost"}}) {
    setting with{.host = host};
    with.server.more_certificates = {{.certificate = shop.certificate, .key = shop.key},
                                     {.certificate = any.certificate, .key = any.key}};
    make(with);
    ASSERT_TRUE(shake_hands()) << host << ": " << client->problem();
    EXPECT_EQ(client->info().peer->common_name, expected);
  }
}

TEST_F(engines, refuse_protocols_they_cannot_speak) {
  setting with;
  with.client.alpn = {std::string_view("h2")};
  make(with);
  EXPECT_FALSE(shake_hands());
  EXPECT_EQ(server->problem(), "no application protocol");
  shake_hands();
  EXPECT_EQ(client->problem(), "the peer refuses, with the alert 'no application protocol'");
}

TEST_F(engines, do_without_protocols) {
  setting with;
  with.client.alpn = {};
  make(with);
  EXPECT_TRUE(shake_hands());
  EXPECT_EQ(server->info().alpn, "");
}

TEST_F(engines, refuse_versions_below_their_least) {
  for (int version : {TLS1_VERSION, TLS1_1_VERSION}) {
    make();
    wild_client old(version);
    old.shake_hands(*server);
    EXPECT_EQ(server->problem(), "unsupported protocol");
  }
  setting with;
  with.server.minimum_version = tls_version::tls_1_3;
  make(with);
  wild_client old(TLS1_2_VERSION);
  old.shake_hands(*server);
  EXPECT_EQ(server->problem(), "unsupported protocol");
}

TEST_F(engines, speak_tls_1_2_where_the_peer_knows_no_other) {
  make();
  wild_client old(TLS1_2_VERSION);
  old.shake_hands(*server);
  EXPECT_TRUE(server->open()) << server->problem();
  EXPECT_EQ(server->info().version, "TLSv1.2");
}

TEST_F(engines, keep_to_their_least_version) {
  setting with;
  with.server.minimum_version = tls_version::tls_1_3;
  make(with);
  EXPECT_TRUE(shake_hands());
  EXPECT_EQ(client->info().version, "TLSv1.3");
}

TEST(certificates, are_never_a_reason_to_ask_for_a_password) {
  std::string text = test::self_signed().certificate;
  const auto first_line_end = text.find('\n') + 1;
  text.insert(first_line_end,
              "Proc-Type: 4,ENCRYPTED\n"
              "DEK-Info: AES-256-CBC,000102030405060708090A0B0C0D0E0F\n"
              "\n");
  testing::internal::CaptureStderr();
  EXPECT_THROW(read_certificates(pem_source::memory(text, "tls.ca")), std::invalid_argument);
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

// --- ends and faults

TEST_F(engines, end_each_direction_on_its_own) {
  make();
  ASSERT_TRUE(shake_hands());
  client->write(as_bytes("last words"));
  client->shut_down();
  EXPECT_FALSE(client->write(as_bytes("more")));
  exchange();
  EXPECT_EQ(read_all(*server), "last words");
  EXPECT_TRUE(server->ended());
  EXPECT_FALSE(server->failed());
  EXPECT_TRUE(server->write(as_bytes("answer")));
  exchange();
  EXPECT_EQ(read_all(*client), "answer");
}

TEST_F(engines, tell_an_end_from_a_cut) {
  make();
  ASSERT_TRUE(shake_hands());
  client->write(as_bytes("half a sen"));
  exchange();
  server->receive_eof();
  EXPECT_EQ(read_all(*server), "half a sen");
  EXPECT_EQ(server->error(), errc::truncated);
  EXPECT_EQ(server->problem(), "the peer ended the connection without ending TLS");
}

TEST_F(engines, fail_a_handshake_that_is_cut_anywhere) {
  make();
  client->shake_hands();
  const std::string hello(as_text(client->output()));
  for (std::size_t size = 0; size < hello.size(); size += 7) {
    make();
    if (size != 0) feed(*server, hello.substr(0, size));
    EXPECT_FALSE(server->shake_hands());
    EXPECT_FALSE(server->failed()) << size;
    server->receive_eof();
    EXPECT_FALSE(server->shake_hands());
    EXPECT_EQ(server->error(), errc::truncated) << size;
    EXPECT_THROW(server->throw_problem("a test"), std::system_error);
  }
}

TEST_F(engines, fail_on_a_byte_changed_anywhere_in_a_record) {
  for (std::size_t position : {std::size_t{0}, std::size_t{1}, std::size_t{3}, std::size_t{9}}) {
    make();
    ASSERT_TRUE(shake_hands());
    exchange();
    client->write(as_bytes("untouched"));
    client->write(as_bytes("touched"));
    std::string bytes(as_text(client->output()));
    const auto second = bytes.size() - 5 - 7 - 17;
    bytes[second + position] = static_cast<char>(bytes[second + position] ^ 0x41);
    feed(*server, bytes);
    server->receive_eof();
    EXPECT_EQ(read_all(*server), "untouched");
    EXPECT_TRUE(server->failed()) << position;
  }
}

TEST_F(engines, answer_plain_http_in_its_own_words) {
  make();
  feed(*server, "G");
  EXPECT_FALSE(server->shake_hands());
  EXPECT_EQ(server->problem(), "the peer speaks plain HTTP to a port for TLS");
  const auto answer = as_text(server->output());
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 400 Bad Request\r\n"));
  const auto body = answer.substr(answer.find("\r\n\r\n") + 4);
  EXPECT_EQ(body, "this port speaks TLS: use wss or https\n");
  EXPECT_NE(answer.find("Content-Length: " + std::to_string(body.size()) + "\r\n"),
            std::string::npos);
}

TEST_F(engines, tell_who_speaks_no_tls) {
  for (const std::string_view text :
       {"HTTP/1.1 400 Bad Request\r\n", "SSH-2.0-x", "\x16\x01", "\n"}) {
    make();
    client->shake_hands();
    feed(*client, text);
    EXPECT_FALSE(client->shake_hands());
    EXPECT_EQ(client->problem(), "the peer speaks no TLS");
    EXPECT_THROW(client->throw_problem("a test"), tls_error);
  }
}

TEST_F(engines, fail_on_every_fatal_alert) {
  for (int alert = 0; alert < 256; ++alert) {
    make();
    client->shake_hands();
    feed(*client, std::string("\x15\x03\x03\x00\x02\x02", 6) + static_cast<char>(alert));
    EXPECT_FALSE(client->shake_hands());
    EXPECT_TRUE(client->failed()) << alert;
    EXPECT_FALSE(client->problem().empty()) << alert;
  }
}

TEST_F(engines, fail_on_garbage_in_every_flight) {
  for (int flight = 0; flight < 4; ++flight) {
    make();
    for (int i = 0; i < flight; ++i) {
      engine &from = i % 2 == 0 ? *client : *server, &to = i % 2 == 0 ? *server : *client;
      from.shake_hands();
      while (carry(from, to) != 0) continue;
    }
    engine& to = flight % 2 == 0 ? *server : *client;
    to.shake_hands();
    // A record of a handshake that is none.
    feed(to, std::string("\x16\x03\x03\x00\x20", 5) + std::string(32, '\x7f'));
    const bool done = to.shake_hands();
    if (done) read_all(to);
    EXPECT_TRUE(to.failed()) << "flight " << flight;
    EXPECT_FALSE(to.problem().empty());
  }
}

TEST_F(engines, refuse_records_that_are_too_long) {
  make();
  ASSERT_TRUE(shake_hands());
  exchange();
  feed(*server, std::string("\x17\x03\x03\xff\xff", 5) + std::string(100, 'x'));
  EXPECT_EQ(read_all(*server), "");
  EXPECT_TRUE(server->failed());
}

TEST_F(engines, do_not_negotiate_anew_and_hold_few_answers) {
  make();
  wild_client peer(TLS1_2_VERSION);
  peer.shake_hands(*server);
  ASSERT_TRUE(server->open());
  SSL_renegotiate(peer.ssl());
  SSL_do_handshake(peer.ssl());
  feed(*server, peer.output());
  EXPECT_EQ(read_all(*server), "");
  EXPECT_FALSE(server->failed());
  EXPECT_LT(server->output().size(), 64u);  // a warning
  EXPECT_TRUE(SSL_do_handshake(peer.ssl()) != 1);
}

TEST_F(engines, hold_few_answers_for_a_peer_that_reads_none) {
  make();
  wild_client peer(TLS1_3_VERSION);
  peer.shake_hands(*server);
  ASSERT_TRUE(server->open());
  std::size_t most = 0;
  for (int i = 0; i < 20'000 && !server->failed(); ++i) {
    SSL_key_update(peer.ssl(), SSL_KEY_UPDATE_REQUESTED);
    SSL_do_handshake(peer.ssl());
    feed(*server, peer.output());
    read_all(*server);
    most = std::max(most, server->output().size());
  }
  EXPECT_LE(most, 65u * 1024);
}

// What docs/tls.md says a connection costs a server.
TEST_F(engines, hold_little_memory_while_nothing_happens) {
  if (test::sanitized) GTEST_SKIP() << "a sanitizer has memory of its own";
  const auto own = authority.issue();
  const auto certificates = tls_server::pem_text(own.certificate, own.key);
  tls_client options;
  options.ca = authority.certificate();
  const tls::client trusting(options);
  std::vector<std::unique_ptr<engine>> kept;
  constexpr std::size_t count = 100;
  std::size_t before = 0;
  for (std::size_t i = 0; i < 2 * count; ++i) {
    if (i == count) before = mallinfo2().uordblks;
    client = trusting.make_engine("localhost");
    server = make_tls_engine(certificates);
    ASSERT_TRUE(shake_hands());
    client->write(as_bytes("hello"));
    exchange();
    ASSERT_EQ(read_all(*server), "hello");
    read_all(*client);
    kept.push_back(std::move(server));
  }
  client.reset();
  EXPECT_LT((mallinfo2().uordblks - before) / count, 16u * 1024);
}

}  // namespace
}  // namespace duplex::tls
