#include <gtest/gtest.h>

#include <string>
#include <vector>

#include <duplex/protocol/handshake.hpp>

#include "support/handshake.hpp"
#include "support/protocol.hpp"

namespace duplex::protocol {
namespace {

using test::head_bytes;
using test::request_fields;
using test::with;

std::string good_request() { return head_bytes("GET /chat HTTP/1.1", request_fields()); }

struct result {
  std::optional<request> accepted = {};
  std::optional<response> refused = {};
  std::string rest = {};
};

result handshake(const std::vector<std::string>& pieces, bool with_eof = false) {
  server_handshake it;
  result result;
  for (const auto& piece : pieces) {
    it.receive_data(as_bytes(piece));
    if (auto request = it.next_request()) {
      EXPECT_FALSE(result.accepted) << "given twice";
      result.accepted = std::move(request);
    }
  }
  if (with_eof) it.receive_eof();
  result.refused = it.refusal();
  if (result.accepted) result.rest = test::text_of(it.rest());
  return result;
}

TEST(server_handshake, takes_a_request_at_every_chop_and_keeps_what_follows) {
  for (const std::string rest : {"", "\x81\x80wxyz"}) {
    test::for_every_chop(good_request() + rest, [&](const std::vector<std::string>& pieces) {
      const auto result = handshake(pieces);
      ASSERT_TRUE(result.accepted);
      ASSERT_FALSE(result.refused);
      ASSERT_EQ(result.accepted->method, "GET");
      ASSERT_EQ(result.accepted->target, "/chat");
      ASSERT_EQ(result.accepted->headers.get("host"), "example.com");
      ASSERT_EQ(result.rest, rest);
    });
  }
}

TEST(server_handshake, answers_as_the_example_of_rfc_6455) {
  const auto request = handshake({good_request()}).accepted;
  ASSERT_TRUE(request);
  EXPECT_EQ(write_response(server_handshake::accept(*request, "chat")),
            "HTTP/1.1 101 Switching Protocols\r\n"
            "Upgrade: websocket\r\n"
            "Connection: Upgrade\r\n"
            "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
            "Sec-WebSocket-Protocol: chat\r\n\r\n");
  EXPECT_FALSE(server_handshake::accept(*request).headers.contains("Sec-WebSocket-Protocol"));
}

TEST(server_handshake, names_what_it_supports_in_its_refusals) {
  const auto version = handshake(
      {head_bytes("GET / HTTP/1.1", with(request_fields(), "Sec-WebSocket-Version", {"8"}))});
  EXPECT_EQ(version.refused->headers.get("Sec-WebSocket-Version"), "13");
  EXPECT_EQ(version.refused->headers.get("Upgrade"), "websocket");
  const auto method = handshake({head_bytes("PUT / HTTP/1.1", request_fields())});
  EXPECT_EQ(method.refused->headers.get("Allow"), "GET");
  EXPECT_EQ(write_response(server_handshake::reject(404, "nothing at /x")),
            "HTTP/1.1 404 Not Found\r\nContent-Type: text/plain; charset=utf-8\r\n"
            "Content-Length: 14\r\nConnection: close\r\n\r\nnothing at /x\n");
}

TEST(server_handshake, tells_a_client_of_tls_at_its_first_byte) {
  server_handshake it;
  it.receive_data(as_bytes("\x16"));
  ASSERT_TRUE(it.refusal());
  EXPECT_EQ(it.refusal()->status, 400);
  EXPECT_EQ(it.refusal()->body,
            "this looks like TLS, and this port speaks plain HTTP: use ws or http\n");
  it.receive_data(as_bytes("\x03\x01"));
  EXPECT_FALSE(it.next_http_request());
}

TEST(server_handshake, cut_at_any_place_gives_nothing_but_a_refusal_at_the_end) {
  const std::string bytes = good_request();
  EXPECT_FALSE(handshake({}, true).refused) << "nothing came";
  for (std::size_t prefix = 1; prefix < bytes.size(); ++prefix) {
    const auto open = handshake({bytes.substr(0, prefix)});
    ASSERT_FALSE(open.accepted || open.refused) << prefix;
    const auto ended = handshake({bytes.substr(0, prefix)}, true);
    ASSERT_FALSE(ended.accepted);
    ASSERT_EQ(ended.refused->status, 400);
  }
  EXPECT_FALSE(handshake({bytes}, true).refused);
}

TEST(subprotocols, are_chosen_in_the_servers_order) {
  request asking;
  asking.headers = {{"Sec-WebSocket-Protocol", "v1, v2"}, {"Sec-WebSocket-Protocol", "v3"}};
  const std::vector<std::string> supported{"v4", "v3", "v1"};
  EXPECT_EQ(select_subprotocol(asking, supported), "v3");
  EXPECT_EQ(select_subprotocol(asking, std::vector<std::string>{"V1"}), std::nullopt);
  EXPECT_EQ(select_subprotocol({}, supported), std::nullopt);
}

}  // namespace
}  // namespace duplex::protocol
