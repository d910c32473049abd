// Two engines of TLS that talk in memory, and a client that does what ours never would.
#pragma once

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include <gtest/gtest.h>
#include <openssl/ssl.h>

#include "support/certificates.hpp"
#include "tls/client.hpp"
#include "tls/engine.hpp"
#include "tls/server.hpp"

namespace duplex::tls {

using test::certificate_wish;
using test::test_authority;
using test::test_certificate;

// Hands so many bytes of ciphertext on as the chunk says; gives how many.
inline std::size_t carry(engine& from, engine& to, std::size_t chunk = 1 << 20) {
  const auto bytes = from.output().first(std::min(chunk, from.output().size()));
  const auto space = to.input_space();
  const auto count = std::min(bytes.size(), space.size());
  std::copy_n(bytes.begin(), count, space.begin());
  if (count != 0) to.received(count);
  from.output_sent(count);
  return count;
}

inline void feed(engine& to, std::string_view text) {
  const auto bytes = as_bytes(text);
  const auto space = to.input_space();
  ASSERT_LE(bytes.size(), space.size());
  std::copy(bytes.begin(), bytes.end(), space.begin());
  to.received(bytes.size());
}

inline std::string read_all(engine& from, std::size_t step = 64 * 1024) {
  std::string result, space(step, '\0');
  for (;;) {
    const auto count = from.read(std::as_writable_bytes(std::span(space)));
    if (count == 0) return result;
    result.append(space, 0, count);
  }
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

}  // namespace duplex::tls
