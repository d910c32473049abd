#include <gtest/gtest.h>

#include <stdexcept>
#include <string>
#include <vector>

#include <duplex/error.hpp>
#include <duplex/protocol/handshake.hpp>

#include "support/protocol.hpp"

namespace duplex::protocol {
namespace {

// The nonce of RFC 6455 section 1.3.
random_source sample_nonce() {
  return [](std::byte* to, std::size_t count) {
    const std::string nonce = "the sample nonce";
    ASSERT_EQ(count, nonce.size());
    std::copy_n(as_bytes(nonce).begin(), count, to);
  };
}

client_handshake new_handshake(const client_handshake_settings& settings = {},
                               const std::string& target = "ws://example.com/chat",
                               http1_limits limits = {}) {
  return client_handshake(uri(target), settings, limits, sample_nonce());
}

const std::string good_lines =
    "Upgrade: websocket\r\n"
    "Connection: Upgrade\r\n"
    "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n";

std::string good_response(const std::string& more = "") {
  return "HTTP/1.1 101 Switching Protocols\r\n" + good_lines + more + "\r\n";
}

// The text of a failure of type Error; anything else is thrown on.
template <typename Error>
std::string text_of(const std::exception_ptr& failure) {
  if (!failure) return "no failure";
  try {
    std::rethrow_exception(failure);
  } catch (const Error& error) {
    EXPECT_EQ(typeid(error), typeid(Error));
    return error.what();
  }
}

std::exception_ptr failure_of(const std::string& response,
                              const client_handshake_settings& settings = {}) {
  client_handshake it = new_handshake(settings);
  it.receive_data(as_bytes(response));
  EXPECT_FALSE(it.next_response());
  return it.failure();
}

// --- the request

TEST(client_handshake, asks_as_rfc_6455_shows) {
  const client_handshake it = new_handshake({.origin = "http://example.com",
                                             .subprotocols = {"chat", "superchat"},
                                             .user_agent_header = "duplex"});
  EXPECT_EQ(it.data_to_send(),
            "GET /chat HTTP/1.1\r\n"
            "Host: example.com\r\n"
            "Upgrade: websocket\r\n"
            "Connection: Upgrade\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
            "Sec-WebSocket-Version: 13\r\n"
            "Origin: http://example.com\r\n"
            "Sec-WebSocket-Protocol: chat, superchat\r\n"
            "User-Agent: duplex\r\n\r\n");
}

TEST(client_handshake, asks_with_what_the_uri_says) {
  const auto it = new_handshake({}, "wss://al%69ce:p%40ss@[::1]:444/a%20b?c=d");
  EXPECT_EQ(it.request().target, "/a%20b?c=d");
  EXPECT_EQ(it.request().headers.get("Host"), "[::1]:444");
  EXPECT_EQ(it.request().headers.get("Authorization"), "Basic YWxpY2U6cEBzcw==");
  EXPECT_FALSE(it.request().headers.contains("Origin"));
  EXPECT_FALSE(it.request().headers.contains("User-Agent"));
}

TEST(client_handshake, lets_additional_headers_replace_some_of_its_own) {
  const auto it = new_handshake({.additional_headers = {{"host", "other"},
                                                        {"Cookie", "a"},
                                                        {"Cookie", "b"},
                                                        {"authorization", "Bearer x"},
                                                        {"user-agent", "mine"}},
                                 .user_agent_header = "duplex"},
                                "ws://user:pw@example.com/");
  const headers& fields = it.request().headers;
  EXPECT_EQ(fields.get("Host"), "other");
  EXPECT_EQ(fields.count("Cookie"), 2U);
  EXPECT_EQ(fields.get("Authorization"), "Bearer x");
  EXPECT_EQ(fields.get("User-Agent"), "mine");
}

TEST(client_handshake, refuses_settings_that_would_break_it) {
  for (const std::string name :
       {"Upgrade", "connection", "Sec-WebSocket-Key", "Sec-WebSocket-Version",
        "Sec-WebSocket-Protocol", "Sec-WebSocket-Extensions", "Content-Length",
        "Transfer-Encoding"}) {
    EXPECT_THROW(new_handshake({.additional_headers = {{name, "x"}}}), std::invalid_argument)
        << name;
  }
  EXPECT_THROW(new_handshake({.subprotocols = {"a b"}}), std::invalid_argument);
  EXPECT_THROW(new_handshake({.subprotocols = {""}}), std::invalid_argument);
  EXPECT_THROW(new_handshake({.origin = "x\r\nEvil: y"}), std::invalid_argument);
  EXPECT_THROW(new_handshake({.user_agent_header = "x\ny"}), std::invalid_argument);
}

TEST(client_handshake, asks_with_another_key_each_time) {
  const client_handshake first(uri("ws://x"), {}), second(uri("ws://x"), {});
  EXPECT_NE(first.request().headers.get("Sec-WebSocket-Key"),
            second.request().headers.get("Sec-WebSocket-Key"));
}

// --- the response

TEST(client_handshake, takes_a_response_at_every_chop_and_keeps_what_follows) {
  for (const std::string rest : {"", "\x81\x02hi"}) {
    test::for_every_chop(good_response() + rest, [&](const std::vector<std::string>& pieces) {
      client_handshake it = new_handshake();
      int responses = 0;
      for (const auto& piece : pieces) {
        it.receive_data(as_bytes(piece));
        if (const auto response = it.next_response()) {
          ++responses;
          ASSERT_EQ(response->status, 101);
          ASSERT_EQ(response->headers.get("upgrade"), "websocket");
        }
      }
      ASSERT_FALSE(it.failure());
      ASSERT_EQ(responses, 1);
      ASSERT_EQ(test::text_of(it.rest()), rest);
      ASSERT_EQ(it.subprotocol(), std::nullopt);
    });
  }
}

TEST(client_handshake, agrees_with_a_server_of_ours) {
  client_handshake client(uri("ws://localhost:8765/x?y"), {.subprotocols = {"v1", "v2"}});
  server_handshake server;
  server.receive_data(as_bytes(client.data_to_send()));
  const auto request = server.next_request();
  ASSERT_TRUE(request);
  const auto chosen = select_subprotocol(*request, std::vector<std::string>{"v2", "v1"});
  client.receive_data(as_bytes(write_response(server_handshake::accept(*request, chosen))));
  ASSERT_TRUE(client.next_response());
  EXPECT_EQ(client.subprotocol(), "v2");
}

TEST(client_handshake, refuses_a_flood_of_interim_responses) {
  std::string bytes;
  for (int i = 0; i < 16; ++i) bytes += "HTTP/1.1 100 x\r\n\r\n";
  client_handshake patient = new_handshake();
  patient.receive_data(as_bytes(bytes + good_response()));
  EXPECT_TRUE(patient.next_response());
  for (int i = 0; i < 100000; ++i) bytes += "HTTP/1.1 100 x\r\n\r\n";
  EXPECT_EQ(text_of<security_error>(failure_of(bytes)), "more than 16 interim HTTP responses");
}

TEST(client_handshake, is_told_when_the_server_refuses) {
  const std::vector<std::string> table{
      "HTTP/1.1 403 Forbidden\r\nContent-Length: 4\r\nX: y\r\n\r\nbody",
      "HTTP/1.1 403 Forbidden\r\nX: y\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n",
      "HTTP/1.0 403 Forbidden\r\nX: y\r\n\r\nbody",
  };
  for (const auto& bytes : table) {
    test::for_every_chop(bytes, [&](const std::vector<std::string>& pieces) {
      client_handshake it = new_handshake();
      for (const auto& piece : pieces) it.receive_data(as_bytes(piece));
      if (&bytes == &table.back()) {
        ASSERT_FALSE(it.failure()) << "the body goes to the end";
        it.receive_eof();
      }
      try {
        ASSERT_TRUE(it.failure());
        std::rethrow_exception(it.failure());
      } catch (const invalid_status& error) {
        EXPECT_STREQ(error.what(),
                     "server rejected WebSocket connection: HTTP 403 Forbidden: body");
        EXPECT_EQ(error.response().status, 403);
        EXPECT_EQ(error.response().reason, "Forbidden");
        EXPECT_EQ(error.response().headers.get("X"), "y");
        EXPECT_EQ(error.response().body, "body");
      }
      ASSERT_FALSE(it.next_response());
    });
  }
}

TEST(client_handshake, tells_a_server_of_tls) {
  try {
    const auto failure = failure_of("\x15\x03\x03");
    ASSERT_TRUE(failure);
    std::rethrow_exception(failure);
  } catch (const invalid_message& error) {
    EXPECT_STREQ(error.what(), "the server speaks TLS: use wss");
  }
}

TEST(client_handshake, reads_no_more_of_a_refusal_than_a_mebibyte) {
  const auto failure = failure_of("HTTP/1.1 500 Oops\r\n\r\n" + std::string(2 << 20, 'x'));
  try {
    ASSERT_TRUE(failure);
    std::rethrow_exception(failure);
  } catch (const invalid_status& error) {
    EXPECT_EQ(error.response().body.size(), std::size_t{1} << 20);
  }
}

TEST(client_handshake, cut_at_any_place_fails_at_the_end) {
  const std::string bytes = good_response();
  for (std::size_t prefix = 0; prefix < bytes.size(); ++prefix) {
    client_handshake it = new_handshake();
    it.receive_data(as_bytes(bytes).first(prefix));
    ASSERT_FALSE(it.failure());
    it.receive_eof();
    ASSERT_EQ(text_of<invalid_message>(it.failure()),
              "the connection ended before a valid HTTP response");
    ASSERT_FALSE(it.next_response());
  }
}

}  // namespace
}  // namespace duplex::protocol
