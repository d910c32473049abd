#include <gtest/gtest.h>

#include <string>
#include <vector>

#include <duplex/protocol/handshake.hpp>

#include "support/protocol.hpp"

namespace duplex::protocol {
namespace {

using fields = std::vector<headers::field>;

const fields good_fields{{"Host", "example.com"},
                         {"Upgrade", "websocket"},
                         {"Connection", "Upgrade"},
                         {"Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="},
                         {"Sec-WebSocket-Version", "13"}};

std::string request_bytes(const std::string& line, const fields& all) {
  std::string bytes = line + "\r\n";
  for (const auto& [name, value] : all) bytes += name + ": " + value + "\r\n";
  return bytes + "\r\n";
}

std::string good_request() { return request_bytes("GET /chat HTTP/1.1", good_fields); }

// The good fields with those named replaced (nothing stays of a name that is given no value).
fields with(const std::string& name, const std::vector<std::string>& values) {
  fields all;
  for (const auto& each : good_fields) {
    if (each.first != name) all.push_back(each);
  }
  for (const auto& value : values) all.emplace_back(name, value);
  return all;
}

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

TEST(server_handshake, takes_what_is_allowed) {
  const std::vector<std::pair<std::string, fields>> table{
      {"Upgrade in any case", with("Upgrade", {"WebSocket"})},
      {"a list of upgrades", with("Upgrade", {"h2c, websocket"})},
      {"several Upgrade lines", with("Upgrade", {"h2c", "websocket"})},
      {"a list of connection options", with("Connection", {"keep-alive, upgrade"})},
      {"several Connection lines", with("Connection", {"keep-alive", "Upgrade"})},
      {"Host with a port", with("Host", {"example.com:8080"})},
      {"Host as an address", with("Host", {"127.0.0.1:80"})},
      {"Host as an IPv6 address", with("Host", {"[::1]"})},
      {"Host as an IPv6 address with a port", with("Host", {"[2001:db8::1]:8080"})},
      {"no body", with("Content-Length", {"0"})},
      {"any key of 16 bytes", with("Sec-WebSocket-Key", {"AAAAAAAAAAAAAAAAAAAA+/=="})},
      {"subprotocols", with("Sec-WebSocket-Protocol", {"chat, v1.x", "v2"})},
      {"extensions", with("Sec-WebSocket-Extensions", {"permessage-deflate; x=\"y\""})},
  };
  for (const auto& [name, all] : table) {
    const auto result = handshake({request_bytes("GET / HTTP/1.1", all)});
    EXPECT_TRUE(result.accepted) << name << ": " << (result.refused ? result.refused->body : "");
  }
}

TEST(server_handshake, takes_the_absolute_form_of_a_target) {
  const std::vector<std::array<std::string, 3>> table{
      {"http://other.com/chat?x=1", "/chat?x=1", "other.com"},
      {"HTTPS://other.com:444", "/", "other.com:444"},
      {"ws://other.com?x", "/?x", "other.com"}};
  for (const auto& [target, path, host] : table) {
    const auto result = handshake({request_bytes("GET " + target + " HTTP/1.1", good_fields)});
    ASSERT_TRUE(result.accepted) << target;
    EXPECT_EQ(result.accepted->target, path);
    EXPECT_EQ(result.accepted->headers.get("Host"), host);
  }
}

struct refusal {
  std::string name;
  std::string bytes;
  int status;
  std::string body;
};

std::vector<refusal> refusals() {
  const std::string get = "GET / HTTP/1.1";
  const auto request = [&](const std::string& name, const std::vector<std::string>& values) {
    return request_bytes(get, with(name, values));
  };
  const std::string no_upgrade = "the Upgrade header does not ask for websocket";
  const std::string no_connection = "the Connection header does not ask for an upgrade";
  const std::string version = "the Sec-WebSocket-Version is not 13";
  const std::string key = "invalid Sec-WebSocket-Key header";
  const std::string body = "a request of a handshake has no body";
  const std::string host = "invalid Host header";
  return {
      {"not HTTP", "\x16\x03\x01\r\n", 400, "invalid HTTP request line"},
      {"no version", "GET /\r\n", 400, "invalid HTTP request line"},
      {"bad first line before a bad header", "GET /\r\nA\r\n", 400, "invalid HTTP request line"},
      {"other method", request_bytes("POST / HTTP/1.1", good_fields), 405, "the method is not GET"},
      {"method in lower case", request_bytes("get / HTTP/1.1", good_fields), 405,
       "the method is not GET"},
      {"old version", request_bytes("GET / HTTP/1.0", good_fields), 505,
       "HTTP/1.0 is not HTTP/1.1"},
      {"new version", request_bytes("GET / HTTP/2.0", good_fields), 505,
       "HTTP/2.0 is not HTTP/1.1"},
      {"target is no path", request_bytes("GET chat HTTP/1.1", good_fields), 400,
       "the target is not a path"},
      {"target has a fragment", request_bytes("GET /#x HTTP/1.1", good_fields), 400,
       "the target is not a path"},
      {"target of another scheme", request_bytes("GET ftp://x/ HTTP/1.1", good_fields), 400,
       "the target is not a path"},
      {"target with a bad host", request_bytes("GET http://a@b/ HTTP/1.1", good_fields), 400, host},
      {"long request line", "GET /" + std::string(9000, 'x') + " HTTP/1.1\r\n\r\n", 414,
       "the first line is longer than 8192 bytes"},
      {"long header", get + "\r\nA: " + std::string(9000, 'x') + "\r\n\r\n", 431,
       "a header is longer than 8192 bytes"},
      {"many headers", request("A", std::vector<std::string>(124, "b")), 431,
       "more than 128 headers"},
      {"folded header", get + "\r\nA: b\r\n c\r\n\r\n", 400, "folded header line: ' c'"},
      {"bare line feed", get + "\nA: b\r\n\r\n", 400, "line without CRLF: 'GET / HTTP/1.1'"},
      {"body", request("Content-Length", {"5"}), 400, body},
      {"body of a strange length", request("Content-Length", {"+0"}), 400, body},
      {"body of two lengths", request("Content-Length", {"0", "5"}), 400, body},
      {"chunked body", request("Transfer-Encoding", {"chunked"}), 400, body},
      {"no Host", request("Host", {}), 400, "missing Host header"},
      {"two Hosts", request("Host", {"a", "a"}), 400, "more than one Host header"},
      {"empty Host", request("Host", {""}), 400, host},
      {"Host with a path", request("Host", {"a/b"}), 400, host},
      {"Host with a space", request("Host", {"a b"}), 400, host},
      {"Host with user", request("Host", {"a@b"}), 400, host},
      {"Host with a bad port", request("Host", {"a:8x"}), 400, host},
      {"Host with a bare IPv6 address", request("Host", {"::1"}), 400, host},
      {"Host with an open bracket", request("Host", {"[::1"}), 400, host},
      {"Host with bytes behind the bracket", request("Host", {"[::1]x"}), 400, host},
      {"list of Hosts", request("Host", {"a, b"}), 400, host},
      {"no Upgrade", request("Upgrade", {}), 426, no_upgrade},
      {"other Upgrade", request("Upgrade", {"websockets"}), 426, no_upgrade},
      {"no Connection", request("Connection", {}), 426, no_connection},
      {"other Connection", request("Connection", {"keep-alive"}), 426, no_connection},
      {"no version of WebSocket", request("Sec-WebSocket-Version", {}), 426, version},
      {"old version of WebSocket", request("Sec-WebSocket-Version", {"8"}), 426, version},
      {"strange version of WebSocket", request("Sec-WebSocket-Version", {"013"}), 426, version},
      {"two versions of WebSocket", request("Sec-WebSocket-Version", {"13", "13"}), 400,
       "more than one Sec-WebSocket-Version header"},
      {"no key", request("Sec-WebSocket-Key", {}), 400, "missing Sec-WebSocket-Key header"},
      {"two keys",
       request("Sec-WebSocket-Key", {"dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25jZQ=="}), 400,
       "more than one Sec-WebSocket-Key header"},
      {"short key", request("Sec-WebSocket-Key", {"dGhlIHNhbXBsZSBub25j"}), 400, key},
      {"key of 13 bytes", request("Sec-WebSocket-Key", {"dGhlIHNhbXBsZSBub2=="}), 400, key},
      {"key of 19 bytes", request("Sec-WebSocket-Key", {"dGhlIHNhbXBsZSBub25jZXMgYQ=="}), 400, key},
      {"key that is no base64", request("Sec-WebSocket-Key", {"dGhlIHNhbXBsZSBub2_jZQ=="}), 400,
       key},
      {"key of 17 bytes", request("Sec-WebSocket-Key", {"dGhlIHNhbXBsZSBub25jZQA="}), 400, key},
      {"subprotocol that is no token", request("Sec-WebSocket-Protocol", {"a b"}), 400,
       "invalid Sec-WebSocket-Protocol header"},
  };
}

TEST(server_handshake, refuses_at_every_chop_and_says_why) {
  for (const refusal& each : refusals()) {
    SCOPED_TRACE(each.name);
    test::for_every_chop(each.bytes, [&](const std::vector<std::string>& pieces) {
      const auto result = handshake(pieces);
      ASSERT_FALSE(result.accepted);
      ASSERT_TRUE(result.refused);
      ASSERT_EQ(result.refused->status, each.status);
      ASSERT_EQ(result.refused->body, each.body + "\n");
      const headers& answer = result.refused->headers;
      ASSERT_EQ(answer.get("Connection"), "close");
      ASSERT_EQ(answer.get("Content-Type"), "text/plain; charset=utf-8");
      ASSERT_EQ(answer.get("Content-Length"), std::to_string(each.body.size() + 1));
      ASSERT_EQ(answer.contains("Allow"), each.status == 405);
      ASSERT_EQ(answer.contains("Upgrade"), each.status == 426);
      ASSERT_EQ(answer.contains("Sec-WebSocket-Version"),
                each.name.find("ersion of WebSocket") != std::string::npos);
      ASSERT_NE(result.refused->reason, "");
    });
  }
}

TEST(server_handshake, names_what_it_supports_in_its_refusals) {
  const auto version =
      handshake({request_bytes("GET / HTTP/1.1", with("Sec-WebSocket-Version", {"8"}))});
  EXPECT_EQ(version.refused->headers.get("Sec-WebSocket-Version"), "13");
  EXPECT_EQ(version.refused->headers.get("Upgrade"), "websocket");
  const auto method = handshake({request_bytes("PUT / HTTP/1.1", good_fields)});
  EXPECT_EQ(method.refused->headers.get("Allow"), "GET");
  EXPECT_EQ(write_response(server_handshake::reject(404, "nothing at /x")),
            "HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 14\r\n"
            "Content-Type: text/plain; charset=utf-8\r\n\r\nnothing at /x\n");
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
