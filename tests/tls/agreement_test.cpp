// Whom the two sides of TLS trust, and what they agree on.
#include <chrono>
#include <ctime>
#include <stdexcept>

#include <openssl/pem.h>

#include "engines.hpp"
#include "tls/error.hpp"

namespace duplex::tls {
namespace {

using namespace std::chrono_literals;

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

}  // namespace
}  // namespace duplex::tls
