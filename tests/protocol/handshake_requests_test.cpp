// What clients may send to open a connection, and what they may not: a row each, with its source.
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <duplex/protocol/handshake.hpp>

#include "support/handshake.hpp"
#include "support/protocol.hpp"

namespace duplex::protocol {
namespace {

using test::head_bytes;
using test::request_fields;

constexpr std::string_view get = "GET / HTTP/1.1";

// A right request but for the fields of one name.
std::string with(std::string_view name, const std::vector<std::string>& values) {
  return head_bytes(get, test::with(request_fields(), name, values));
}

// A right request with another first line.
std::string first(std::string_view line) { return head_bytes(line, request_fields()); }

// A right request with these bytes between its first line and its headers.
std::string inserted(std::string_view bytes) {
  std::string all = first(get);
  return all.insert(get.size() + 2, bytes);
}

struct answer {
  std::optional<request> accepted = {};
  std::optional<response> refused = {};
};

answer answer_to(const std::vector<std::string>& pieces) {
  server_handshake handshake;
  answer result;
  for (const auto& piece : pieces) {
    handshake.receive_data(as_bytes(piece));
    if (auto request = handshake.next_request()) result.accepted = std::move(request);
  }
  result.refused = handshake.refusal();
  return result;
}

// --- refused

struct refused_row {
  const char* what;
  const char* source;
  std::string bytes;
  int status;
  std::string why;
};

const std::string no_line = "invalid HTTP request line";
const std::string no_path = "the target is not a path";
const std::string bad_host = "invalid Host header";
const std::string bad_length = "invalid Content-Length header";
const std::string has_body = "a request of a handshake has no body";
const std::string no_upgrade = "the Upgrade header does not ask for websocket";
const std::string no_connection = "the Connection header does not ask for an upgrade";
const std::string other_version = "the Sec-WebSocket-Version is not 13";
const std::string bad_key = "invalid Sec-WebSocket-Key header";
const std::string bad_subprotocol = "invalid Sec-WebSocket-Protocol header";
const std::string key = "dGhlIHNhbXBsZSBub25jZQ==";

std::vector<refused_row> wrong_first_lines() {
  return {
      {"the start of TLS", "9112 3", "\x16\x03\x01\x02\x01\r\n", 400,
       "this looks like TLS, and this port speaks plain HTTP: use ws or http"},
      {"a line of another protocol", "9112 3", "EHLO example.com\r\n", 400, no_line},
      {"a response", "9112 3", "HTTP/1.1 101 Switching Protocols\r\n\r\n", 400, no_line},
      {"no version, as in HTTP/0.9", "9112 3", "GET /\r\n", 400, no_line},
      {"no target", "9112 3", first("GET HTTP/1.1"), 400, no_line},
      {"nothing where the target was", "9112 3", first("GET  HTTP/1.1"), 400, no_line},
      {"a space before the method", "9112 3", first(" GET / HTTP/1.1"), 400, no_line},
      {"two spaces before the target", "9112 3", first("GET  / HTTP/1.1"), 400, no_line},
      {"two spaces behind the target", "9112 3", first("GET /  HTTP/1.1"), 400, no_line},
      {"a space behind the version", "9112 3", first("GET / HTTP/1.1 "), 400, no_line},
      {"a tab for a space", "9112 3", first("GET\t/ HTTP/1.1"), 400, no_line},
      {"a space in the target", "9112 3.2", first("GET /a b HTTP/1.1"), 400, no_line},
      {"a control character in the target", "9112 3.2", first("GET /\x01 HTTP/1.1"), 400, no_line},
      {"a NUL in the target", "9112 3.2", first(std::string_view("GET /\0 HTTP/1.1", 15)), 400,
       no_line},
      {"UTF-8 in the target", "9112 3.2", first("GET /\xC3\xA9 HTTP/1.1"), 400, no_line},
      {"a bare CR in the target", "9112 2.2", first("GET /\r HTTP/1.1"), 400, no_line},
      {"a method that is no token", "9110 9.1", first("G@T / HTTP/1.1"), 400, no_line},
      {"a version in lower case", "9112 2.3", first("GET / http/1.1"), 400, no_line},
      {"a version of one number", "9112 2.3", first("GET / HTTP/1"), 400, no_line},
      {"a version of three digits", "9112 2.3", first("GET / HTTP/1.10"), 400, no_line},
      {"a version of another protocol", "9112 2.3", first("GET / RTSP/1.0"), 400, no_line},
      {"the method POST", "6455 4.2.1", first("POST / HTTP/1.1"), 405, "the method is not GET"},
      {"the method HEAD", "6455 4.2.1", first("HEAD / HTTP/1.1"), 405, "the method is not GET"},
      {"the method in lower case", "9110 9.1", first("get / HTTP/1.1"), 405,
       "the method is not GET"},
      {"the method CONNECT", "9112 3.2.3", first("CONNECT example.com:80 HTTP/1.1"), 405,
       "the method is not GET"},
      {"the method OPTIONS", "9112 3.2.4", first("OPTIONS * HTTP/1.1"), 405,
       "the method is not GET"},
      {"HTTP/1.0", "6455 4.2.1", first("GET / HTTP/1.0"), 505, "HTTP/1.0 is not HTTP/1.1"},
      {"HTTP/0.9", "6455 4.2.1", first("GET / HTTP/0.9"), 505, "HTTP/0.9 is not HTTP/1.1"},
      {"HTTP/2", "9110 2.5", first("GET / HTTP/2.0"), 505, "HTTP/2.0 is not HTTP/1.1"},
      {"the preface of HTTP/2", "9113 3.4", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505,
       "HTTP/2.0 is not HTTP/1.1"},
      {"a target that is no path", "9112 3.2.1", first("GET chat HTTP/1.1"), 400, no_path},
      {"a target with a fragment", "6455 3", first("GET /#x HTTP/1.1"), 400, no_path},
      {"the target *", "9112 3.2.4", first("GET * HTTP/1.1"), 400, no_path},
      {"an authority as target", "9112 3.2.3", first("GET example.com:80 HTTP/1.1"), 400, no_path},
      {"a target of another scheme", "9112 3.2.2", first("GET ftp://x/ HTTP/1.1"), 400, no_path},
      {"a target without a host", "9110 4.2.1", first("GET http:///x HTTP/1.1"), 400, bad_host},
      {"a target with a user", "9110 4.2.4", first("GET http://a@b/ HTTP/1.1"), 400, bad_host},
      {"a request line of 8193 bytes", "api: 414",
       first("GET /" + std::string(8193 - 16, 'x') + " HTTP/1.1"), 414,
       "the first line is longer than 8192 bytes"},
      {"a request line without an end", "api: 414", "GET /" + std::string(9000, 'x'), 414,
       "the first line is longer than 8192 bytes"},
      {"129 empty lines before it", "9112 2.2",
       [] {
         std::string lines;
         for (int i = 0; i < 129; ++i) lines += "\r\n";
         return lines + first(get);
       }(),
       400, no_line},
      {"nonsense behind nonsense", "9112 3", "nonsense\r\nA b\r\n", 400, no_line},
      {"an empty line of a bare LF", "9112 2.2", "\n" + first(get), 400, "line without CRLF: ''"},
  };
}

std::vector<refused_row> wrong_lines() {
  const auto control = [](const std::string& name) {
    return "control character in the value of header " + name;
  };
  return {
      {"a request line with a bare LF", "9112 2.2", "GET / HTTP/1.1\nHost: x\r\n\r\n", 400,
       "line without CRLF: 'GET / HTTP/1.1'"},
      {"a header with a bare LF", "9112 2.2", inserted("A: b\n"), 400, "line without CRLF: 'A: b'"},
      {"an end with a bare LF", "9112 2.2", first(get).substr(0, first(get).size() - 2) + "\n", 400,
       "line without CRLF: ''"},
      {"a bare CR in a value", "9112 2.2", inserted("A: b\rc: d\r\n"), 400, control("A")},
      {"two CRs at the end of a line", "9112 2.2", inserted("A: b\r\r\n"), 400, control("A")},
      {"a NUL in a value", "9110 5.5", inserted({"A: b\0c\r\n", 8}), 400, control("A")},
      {"an escape in a value", "9110 5.5", inserted("A: \x1B[2J\r\n"), 400, control("A")},
      {"a DEL in a value", "9110 5.5", inserted("A: \x7F\r\n"), 400, control("A")},
      {"a vertical tab before a value", "9110 5.5", inserted("A:\vb\r\n"), 400, control("A")},
      {"a folded line", "9112 5.2", inserted("A: b\r\n c\r\n"), 400, "folded header line: ' c'"},
      {"a line folded with a tab", "9112 5.2", inserted("A: b\r\n\tc: d\r\n"), 400,
       "folded header line: '?c: d'"},
      {"a space before the first header", "9112 2.2", inserted(" A: b\r\n"), 400,
       "folded header line: ' A: b'"},
      {"a line of white space", "9112 5.2", inserted("A: b\r\n \r\n"), 400,
       "folded header line: ' '"},
      {"a space before the colon", "9112 5.1", inserted("A : b\r\n"), 400,
       "invalid header line: 'A : b'"},
      {"no colon", "9112 5", inserted("A b\r\n"), 400, "invalid header line: 'A b'"},
      {"no name", "9112 5", inserted(": b\r\n"), 400, "invalid header line: ': b'"},
      {"a name that is no token", "9110 5.1", inserted("A(b): c\r\n"), 400,
       "invalid header line: 'A(b): c'"},
      {"a name in UTF-8", "9110 5.1", inserted("\xC3\xA9: x\r\n"), 400,
       "invalid header line: '??: x'"},
      {"a NUL in a name", "9110 5.1", inserted({"A\0: b\r\n", 7}), 400,
       "invalid header line: 'A?: b'"},
      {"a header of 8193 bytes", "6585 5", inserted("A: " + std::string(8193 - 5, 'x') + "\r\n"),
       431, "a header is longer than 8192 bytes"},
      {"a header without an end", "6585 5", std::string(get) + "\r\nA: " + std::string(9000, 'x'),
       431, "a header is longer than 8192 bytes"},
      {"129 headers", "6585 5", with("A", std::vector<std::string>(124, "b")), 431,
       "more than 128 headers"},
  };
}

std::vector<refused_row> wrong_headers() {
  return {
      {"a body", "api: a body", with("Content-Length", {"5"}) + "hello", 400, has_body},
      {"a body of a huge length", "9112 6.3", with("Content-Length", {"18446744073709551616"}), 400,
       has_body},
      {"a length with a sign", "9110 8.6", with("Content-Length", {"+0"}), 400, bad_length},
      {"a negative length", "9110 8.6", with("Content-Length", {"-1"}), 400, bad_length},
      {"a length in hexadecimal", "9110 8.6", with("Content-Length", {"0x0"}), 400, bad_length},
      {"an empty length", "9110 8.6", with("Content-Length", {""}), 400, bad_length},
      {"a list of lengths", "9110 8.6", with("Content-Length", {"0, 0"}), 400, bad_length},
      {"two lengths", "9112 6.3", with("Content-Length", {"0", "5"}), 400, bad_length},
      {"a chunked body", "9112 6.1", with("Transfer-Encoding", {"chunked"}) + "0\r\n\r\n", 400,
       has_body},
      {"a coding nobody knows", "9112 6.1", with("Transfer-Encoding", {"x"}), 400, has_body},
      {"a length and a coding", "9112 6.3",
       head_bytes(get, test::with(test::with(request_fields(), "Content-Length", {"0"}),
                                  "Transfer-Encoding", {"chunked"})),
       400, has_body},
      {"no Host", "9112 3.2", with("Host", {}), 400, "missing Host header"},
      {"no Host where the target has one", "9112 3.2",
       head_bytes("GET http://x/ HTTP/1.1", test::with(request_fields(), "Host", {})), 400,
       "missing Host header"},
      {"two Hosts", "9112 3.2", with("Host", {"a", "a"}), 400, "more than one Host header"},
      {"an empty Host", "9110 4.2.1", with("Host", {""}), 400, bad_host},
      {"a list of Hosts", "9110 7.2", with("Host", {"a, b"}), 400, bad_host},
      {"a Host with a path", "9110 7.2", with("Host", {"a/b"}), 400, bad_host},
      {"a Host with a space", "9110 7.2", with("Host", {"a b"}), 400, bad_host},
      {"a Host with a user", "9110 7.2", with("Host", {"a@b"}), 400, bad_host},
      {"a Host with a scheme", "9110 7.2", with("Host", {"ws://a"}), 400, bad_host},
      {"a Host in UTF-8", "3986 3.2.2", with("Host", {"caf\xC3\xA9.example"}), 400, bad_host},
      {"a Host with half a percent-encoding", "3986 2.1", with("Host", {"a%4"}), 400, bad_host},
      {"a Host with a bad port", "3986 3.2.3", with("Host", {"a:8x"}), 400, bad_host},
      {"a Host with two ports", "3986 3.2.3", with("Host", {"a:8:9"}), 400, bad_host},
      {"a Host of a port alone", "3986 3.2.2", with("Host", {":80"}), 400, bad_host},
      {"a bare IPv6 address as Host", "3986 3.2.2", with("Host", {"::1"}), 400, bad_host},
      {"an open bracket in Host", "3986 3.2.2", with("Host", {"[::1"}), 400, bad_host},
      {"empty brackets in Host", "3986 3.2.2", with("Host", {"[]"}), 400, bad_host},
      {"bytes behind the bracket in Host", "3986 3.2.2", with("Host", {"[::1]x"}), 400, bad_host},
      {"no Upgrade", "6455 4.2.1", with("Upgrade", {}), 426, no_upgrade},
      {"an empty Upgrade", "6455 4.2.1", with("Upgrade", {""}), 426, no_upgrade},
      {"another Upgrade", "6455 4.2.1", with("Upgrade", {"h2c"}), 426, no_upgrade},
      {"an Upgrade much like it", "6455 4.2.1", with("Upgrade", {"websockets"}), 426, no_upgrade},
      {"an Upgrade with a version", "6455 4.2.1", with("Upgrade", {"websocket/13"}), 426,
       no_upgrade},
      {"no Connection", "6455 4.2.1", with("Connection", {}), 426, no_connection},
      {"another Connection", "6455 4.2.1", with("Connection", {"keep-alive"}), 426, no_connection},
      {"a Connection much like it", "6455 4.2.1", with("Connection", {"upgraded"}), 426,
       no_connection},
      {"a Connection without a comma", "9110 7.6.1", with("Connection", {"keep-alive Upgrade"}),
       426, no_connection},
      {"no version", "6455 4.4", with("Sec-WebSocket-Version", {}), 426, other_version},
      {"an old version", "6455 4.4", with("Sec-WebSocket-Version", {"8"}), 426, other_version},
      {"a future version", "6455 4.4", with("Sec-WebSocket-Version", {"14"}), 426, other_version},
      {"a version with a zero in front", "6455 4.4", with("Sec-WebSocket-Version", {"013"}), 426,
       other_version},
      {"a list of versions", "6455 4.4", with("Sec-WebSocket-Version", {"13, 8"}), 426,
       other_version},
      {"two versions", "6455 11.3.5", with("Sec-WebSocket-Version", {"13", "13"}), 400,
       "more than one Sec-WebSocket-Version header"},
      {"no key", "6455 4.2.1", with("Sec-WebSocket-Key", {}), 400,
       "missing Sec-WebSocket-Key header"},
      {"two keys", "6455 11.3.1", with("Sec-WebSocket-Key", {key, key}), 400,
       "more than one Sec-WebSocket-Key header"},
      {"an empty key", "6455 4.2.1", with("Sec-WebSocket-Key", {""}), 400, bad_key},
      {"a key without its padding", "6455 4.1", with("Sec-WebSocket-Key", {key.substr(0, 22)}), 400,
       bad_key},
      {"a key of 15 bytes", "6455 4.1", with("Sec-WebSocket-Key", {"dGhlIHNhbXBsZSBub25j"}), 400,
       bad_key},
      {"a key of 13 bytes", "6455 4.1", with("Sec-WebSocket-Key", {"dGhlIHNhbXBsZSBub2=="}), 400,
       bad_key},
      {"a key of 17 bytes", "6455 4.1", with("Sec-WebSocket-Key", {"dGhlIHNhbXBsZSBub25jZQA="}),
       400, bad_key},
      {"a key of 19 bytes", "6455 4.1", with("Sec-WebSocket-Key", {"dGhlIHNhbXBsZSBub25jZXMgYQ=="}),
       400, bad_key},
      {"a key in the alphabet of URLs", "4648 5",
       with("Sec-WebSocket-Key", {"dGhlIHNhbXBsZSBub2_jZQ=="}), 400, bad_key},
      {"a key with a space", "4648 3.3", with("Sec-WebSocket-Key", {"dGhlIHNhbXBsZSBub2 jZQ=="}),
       400, bad_key},
      {"a subprotocol that is no token", "6455 4.1", with("Sec-WebSocket-Protocol", {"a b"}), 400,
       bad_subprotocol},
      {"a subprotocol in quotes", "6455 4.1", with("Sec-WebSocket-Protocol", {"\"a\""}), 400,
       bad_subprotocol},
      {"a list of no subprotocols", "6455 4.3", with("Sec-WebSocket-Protocol", {""}), 400,
       bad_subprotocol},
      {"a subprotocol twice", "6455 4.1", with("Sec-WebSocket-Protocol", {"a, b, a"}), 400,
       "a subprotocol is offered twice"},
      {"a subprotocol twice on two lines", "6455 4.1", with("Sec-WebSocket-Protocol", {"a", "a"}),
       400, "a subprotocol is offered twice"},
  };
}

std::vector<refused_row> refused_rows() {
  auto all = wrong_first_lines();
  for (auto&& each : wrong_lines()) all.push_back(std::move(each));
  for (auto&& each : wrong_headers()) all.push_back(std::move(each));
  return all;
}

// The bytes of the refusal that a row asks for; its headers depend on the status alone.
std::string refusal_bytes(const refused_row& row) {
  headers fields{{"Content-Type", "text/plain; charset=utf-8"},
                 {"Content-Length", std::to_string(row.why.size() + 1)},
                 {"Connection", "close"}};
  if (row.status == 405) fields.add("Allow", "GET");
  if (row.status == 426) fields.add("Upgrade", "websocket");
  if (row.why == other_version) fields.add("Sec-WebSocket-Version", "13");
  return write_response(
      {row.status, std::string(reason_phrase(row.status)), fields, row.why + "\n"});
}

TEST(handshake_requests, that_are_wrong_are_refused_at_every_chop_and_told_why) {
  const auto rows = refused_rows();
  EXPECT_GE(rows.size(), 70U);
  for (const refused_row& row : rows) {
    SCOPED_TRACE(std::string(row.what) + " (" + row.source + ")");
    test::for_every_chop(row.bytes, [&](const std::vector<std::string>& pieces) {
      const auto answer = answer_to(pieces);
      ASSERT_FALSE(answer.accepted);
      ASSERT_TRUE(answer.refused) << pieces.size();
      ASSERT_EQ(write_response(*answer.refused), refusal_bytes(row)) << pieces.size();
    });
  }
}

// --- accepted

struct accepted_row {
  const char* what;
  const char* source;
  std::string bytes;
  std::string target = "/";
  std::string host = "example.com";
};

std::vector<accepted_row> accepted_rows() {
  const std::string long_target = "/" + std::string(8192 - 16, 'x');
  return {
      {"a request with nothing more", "6455 4.2.1", first(get)},
      {"an empty line before it", "9112 2.2", "\r\n" + first(get)},
      {"several empty lines before it", "9112 2.2", "\r\n\r\n\r\n" + first(get)},
      {"a later minor version", "9110 2.5", first("GET / HTTP/1.2")},
      {"a request line of 8192 bytes", "api: 414", first("GET " + long_target + " HTTP/1.1"),
       long_target},
      {"a target with what browsers leave as it is", "9112 3.2",
       first("GET /a|b?c=[{\"^`\\}] HTTP/1.1"), "/a|b?c=[{\"^`\\}]"},
      {"a target of two slashes", "9112 3.2.1", first("GET //x//y HTTP/1.1"), "//x//y"},
      {"the absolute form", "9112 3.2.2", first("GET http://other.com/chat?x=1 HTTP/1.1"),
       "/chat?x=1", "other.com"},
      {"the absolute form without a path", "9112 3.2.2",
       first("GET HTTPS://other.com:444 HTTP/1.1"), "/", "other.com:444"},
      {"the absolute form with a query alone", "9112 3.2.2", first("GET ws://other.com?x HTTP/1.1"),
       "/?x", "other.com"},
      {"names in any case", "9110 5.1",
       "GET / HTTP/1.1\r\nhost: example.com\r\nUPGRADE: websocket\r\ncoNNection: Upgrade\r\n"
       "sec-websocket-KEY: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-version: 13\r\n\r\n"},
      {"no white space behind the colon", "9112 5", inserted("A:b\r\n")},
      {"white space around values", "9112 5",
       "GET / HTTP/1.1\r\nHost: \texample.com \t\r\nUpgrade:\twebsocket\t\r\n"
       "Connection:   Upgrade   \r\nSec-WebSocket-Key:  dGhlIHNhbXBsZSBub25jZQ==\t\r\n"
       "Sec-WebSocket-Version: 13 \r\n\r\n"},
      {"an empty value", "9110 5.5", inserted("A:\r\nB: \t \r\n")},
      {"a tab in a value", "9110 5.5", inserted("A: b\tc\r\n")},
      {"bytes above ASCII in a value", "9110 5.5", inserted("A: caf\xE9 \xFF\r\n")},
      {"a name of every token character", "9110 5.6.2", inserted("!#$%&'*+-.^_`|~0aZ: b\r\n")},
      {"a header of 8192 bytes", "6585 5", inserted("A: " + std::string(8192 - 5, 'x') + "\r\n")},
      {"128 headers", "6585 5", with("A", std::vector<std::string>(123, "b"))},
      {"Upgrade in any case", "6455 4.2.1", with("Upgrade", {"WebSocket"})},
      {"a list of upgrades", "9110 7.8", with("Upgrade", {"WebSocket, foo"})},
      {"upgrades over several lines", "9110 5.3", with("Upgrade", {"h2c", "websocket"})},
      {"a list of connection options", "9110 7.6.1", with("Connection", {"keep-alive, Upgrade"})},
      {"connection options over several lines", "9110 5.3",
       with("Connection", {"keep-alive", "UPGRADE"})},
      {"empty elements of lists", "9110 5.6.1", with("Connection", {", ,Upgrade,,", ""})},
      {"Host in any case, with a port", "9110 7.2", with("Host", {"Example.COM:8080"}), "/",
       "Example.COM:8080"},
      {"Host with an empty port", "3986 3.2.3", with("Host", {"example.com:"}), "/",
       "example.com:"},
      {"Host as an address", "3986 3.2.2", with("Host", {"127.0.0.1:80"}), "/", "127.0.0.1:80"},
      {"Host as an IPv6 address", "3986 3.2.2", with("Host", {"[::1]"}), "/", "[::1]"},
      {"Host as an IPv6 address with a port", "3986 3.2.2", with("Host", {"[2001:db8::1]:8080"}),
       "/", "[2001:db8::1]:8080"},
      {"Host with a percent-encoding", "3986 2.1", with("Host", {"a%20b"}), "/", "a%20b"},
      {"a body of no bytes", "9110 8.6", with("Content-Length", {"0"})},
      {"a body of no bytes, with more zeros", "9110 8.6", with("Content-Length", {"00"})},
      {"any key of 16 bytes", "6455 4.1", with("Sec-WebSocket-Key", {"AAAAAAAAAAAAAAAAAAAA+/=="})},
      {"subprotocols over several lines", "6455 11.3.4",
       with("Sec-WebSocket-Protocol", {"chat, v1.x", "v2", "CHAT"})},
      {"empty elements among subprotocols", "9110 5.6.1",
       with("Sec-WebSocket-Protocol", {",chat, ,v2,"})},
      {"an expectation", "9110 10.1.1", with("Expect", {"100-continue"})},
      {"an extension nobody knows", "6455 9.1",
       with("Sec-WebSocket-Extensions", {"x-unknown; a=1; b=\"2\""})},
  };
}

TEST(handshake_requests, that_are_odd_are_accepted_at_every_chop) {
  for (const accepted_row& row : accepted_rows()) {
    SCOPED_TRACE(std::string(row.what) + " (" + row.source + ")");
    test::for_every_chop(row.bytes, [&](const std::vector<std::string>& pieces) {
      const auto answer = answer_to(pieces);
      ASSERT_FALSE(answer.refused) << answer.refused->body;
      ASSERT_TRUE(answer.accepted) << pieces.size();
      ASSERT_EQ(answer.accepted->target, row.target);
      ASSERT_EQ(answer.accepted->headers.get("Host"), row.host);
    });
  }
}

TEST(handshake_requests, keep_what_is_pipelined_behind_them_at_every_chop) {
  const std::string frames = test::to_wire(side::client, {.payload = "hi"}) + "\r\n\r\n";
  for (const accepted_row& row : accepted_rows()) {
    SCOPED_TRACE(row.what);
    const std::string bytes = row.bytes + frames;
    for (const std::size_t size : {bytes.size(), std::size_t{1}, std::size_t{7}}) {
      server_handshake handshake;
      for (const auto& piece : test::chopped(bytes, size)) handshake.receive_data(as_bytes(piece));
      ASSERT_TRUE(handshake.next_request());
      ASSERT_EQ(test::text_of(handshake.rest()), frames);
    }
  }
}

TEST(handshake_requests, are_answered_with_exactly_one_token_of_connection) {
  const auto answer = answer_to({with("Connection", {"keep-alive, Upgrade"})});
  ASSERT_TRUE(answer.accepted);
  EXPECT_EQ(write_response(server_handshake::accept(*answer.accepted)),
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n");
}

}  // namespace
}  // namespace duplex::protocol
