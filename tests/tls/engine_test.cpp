#include "tls/engine.hpp"

#include <malloc.h>

#include <duplex/error.hpp>

#include "engines.hpp"
#include "support/sanitizers.hpp"
#include "tls/error.hpp"

namespace duplex::tls {
namespace {

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
  for (const std::string_view text : {"SSH-2.0-x", "\x16\x01", "\n"}) {
    make();
    client->shake_hands();
    feed(*client, text);
    EXPECT_FALSE(client->shake_hands());
    EXPECT_EQ(client->problem(), "the peer speaks no TLS");
    EXPECT_THROW(client->throw_problem("a test"), tls_error);
  }
}

TEST_F(engines, tell_a_server_of_plain_http) {
  make();
  client->shake_hands();
  feed(*client, "HTTP/1.1 400 Bad Request\r\n");
  EXPECT_FALSE(client->shake_hands());
  EXPECT_EQ(client->problem(), "the peer speaks plain HTTP, no TLS: ws or http instead?");
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
