// What servers may answer to an opening handshake, and what they may not: a row each, with its
// source.
#include <gtest/gtest.h>

#include <exception>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <duplex/error.hpp>
#include <duplex/protocol/handshake.hpp>

#include "support/handshake.hpp"
#include "support/protocol.hpp"

namespace duplex::protocol {
namespace {

using test::head_bytes;
using test::response_fields;

constexpr std::string_view switching = "HTTP/1.1 101 Switching Protocols";

// A right response but for the fields of one name.
std::string with(std::string_view name, const std::vector<std::string>& values) {
  return head_bytes(switching, test::with(response_fields(), name, values));
}

// A right response with another first line.
std::string first(std::string_view line) { return head_bytes(line, response_fields()); }

// A right response with these bytes between its first line and its headers.
std::string inserted(std::string_view bytes) {
  std::string all = first(switching);
  return all.insert(switching.size() + 2, bytes);
}

// A response other than 101, with a body.
std::string other(std::string_view lines, std::string_view body, std::string_view status = "403") {
  return "HTTP/1.1 " + std::string(status) + " No\r\n" + std::string(lines) + "\r\n" +
         std::string(body);
}

std::string interim(int count) {
  std::string bytes;
  for (int i = 0; i < count; ++i) bytes += "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n";
  return bytes;
}

// A client with the nonce of RFC 6455 section 1.3 that offers two subprotocols.
client_handshake new_client() {
  return client_handshake(uri("ws://example.com/chat"), {.subprotocols = {"chat", "superchat"}}, {},
                          [](std::byte* to, std::size_t count) {
                            const auto nonce = as_bytes("the sample nonce");
                            ASSERT_EQ(count, nonce.size());
                            std::copy_n(nonce.begin(), count, to);
                          });
}

// A failure in words: its kind and its text; of a status, the body too.
std::string describe(const std::exception_ptr& failure) {
  if (!failure) return "no failure";
  try {
    std::rethrow_exception(failure);
  } catch (const invalid_status& error) {
    return "status " + std::to_string(error.response().status) + ": " + error.response().body;
  } catch (const invalid_upgrade& error) {
    return std::string("upgrade: ") + error.what();
  } catch (const invalid_header& error) {
    return std::string("header: ") + error.what();
  } catch (const negotiation_error& error) {
    return std::string("negotiation: ") + error.what();
  } catch (const security_error& error) {
    return std::string("security: ") + error.what();
  } catch (const invalid_message& error) {
    return std::string("message: ") + error.what();
  }
}

// --- refused

struct refused_row {
  const char* what;
  const char* source;
  std::string bytes;
  std::string failure;
  bool with_eof = false;
};

const std::string no_line = "message: invalid HTTP status line";
const std::string no_http = "message: invalid HTTP response: ";
const std::string too_much = "security: refused HTTP response: ";
const std::string accept_value = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

std::vector<refused_row> wrong_first_lines() {
  return {
      {"a line of another protocol", "9112 4", "SSH-2.0-OpenSSH_9.2\r\n", no_line},
      {"a request", "9112 4", "GET / HTTP/1.1\r\n\r\n", no_line},
      {"the settings of HTTP/2", "9113 3.4", {"\0\0\x12\x04\0\0\0\0\0\0\r\n", 12}, no_line},
      {"an empty line before it", "9112 2.2", "\r\n" + first(switching), no_line},
      {"an answer of Shoutcast", "9112 4", first("ICY 200 OK"), no_line},
      {"no reason and no space for one", "9112 4", first("HTTP/1.1 101"), no_line},
      {"no status", "9112 4", first("HTTP/1.1  Switching Protocols"), no_line},
      {"two spaces before the status", "9112 4", first("HTTP/1.1  101 OK"), no_line},
      {"a tab before the status", "9112 4", first("HTTP/1.1\t101 OK"), no_line},
      {"a space before the version", "9112 4", first(" HTTP/1.1 101 OK"), no_line},
      {"a version in lower case", "9112 2.3", first("http/1.1 101 OK"), no_line},
      {"a version of one number", "9112 2.3", first("HTTP/2 101 OK"), no_line},
      {"a status of letters", "9110 15", first("HTTP/1.1 1O1 OK"), no_line},
      {"a status of two digits", "9110 15", first("HTTP/1.1 10 OK"), no_line},
      {"a status of four digits", "9110 15", first("HTTP/1.1 1011 OK"), no_line},
      {"a status below 100", "9110 15", first("HTTP/1.1 099 OK"), no_line},
      {"a status above 599", "9110 15", first("HTTP/1.1 600 OK"), no_line},
      {"a status with a sign", "9110 15", first("HTTP/1.1 +10 OK"), no_line},
      {"a negative status", "9110 15", first("HTTP/1.1 -10 OK"), no_line},
      {"a bare CR in the reason", "9112 2.2", first("HTTP/1.1 101 Swi\rtching"), no_line},
      {"a NUL in the reason", "9112 4", first({"HTTP/1.1 101 O\0K", 16}), no_line},
      {"an escape in the reason", "9112 4", first("HTTP/1.1 101 \x1B[2J"), no_line},
      {"HTTP/1.0", "9110 7.8", first("HTTP/1.0 101 Switching Protocols"),
       "message: the response is HTTP/1.0, not HTTP/1.1"},
      {"HTTP/2.0", "9113 8.6", first("HTTP/2.0 101 Switching Protocols"),
       "message: the response is HTTP/2.0, not HTTP/1.1"},
      {"a status line of 8193 bytes", "hardening: header flood",
       first("HTTP/1.1 101 " + std::string(8193 - 15, 'x')),
       too_much + "the first line is longer than 8192 bytes"},
      {"a status line without an end", "hardening: header flood", std::string(9000, 'x'),
       too_much + "the first line is longer than 8192 bytes"},
      {"nonsense behind nonsense", "9112 4", "nonsense\r\nA b\r\n", no_line},
      {"nothing at all", "6455 4.1", "",
       "message: the connection ended before a valid HTTP response", true},
      {"half a response", "6455 4.1", first(switching).substr(0, 60),
       "message: the connection ended before a valid HTTP response", true},
      {"an interim response and no other", "9110 15.2", interim(1),
       "message: the connection ended before a valid HTTP response", true},
      {"a flood of interim responses", "9110 15.2", interim(17) + first(switching),
       "security: more than 16 interim HTTP responses"},
      {"nonsense behind an interim response", "9110 15.2", interim(1) + "nonsense\r\n", no_line},
  };
}

std::vector<refused_row> wrong_lines() {
  const auto control = [](const std::string& name) {
    return no_http + "control character in the value of header " + name;
  };
  return {
      {"a status line with a bare LF", "9112 2.2", "HTTP/1.1 101 OK\nA: b\r\n\r\n",
       no_http + "line without CRLF: 'HTTP/1.1 101 OK'"},
      {"a header with a bare LF", "9112 2.2", inserted("A: b\n"),
       no_http + "line without CRLF: 'A: b'"},
      {"a bare CR in a value", "9112 2.2", inserted("A: b\rc: d\r\n"), control("A")},
      {"a NUL in a value", "9110 5.5", inserted({"A: b\0c\r\n", 8}), control("A")},
      {"an escape in a value", "9110 5.5", inserted("A: \x1B[2J\r\n"), control("A")},
      {"a DEL in a value", "9110 5.5", inserted("A: \x7F\r\n"), control("A")},
      {"a folded line", "9112 5.2", inserted("A: b\r\n c\r\n"),
       no_http + "folded header line: ' c'"},
      {"a space before the first header", "9112 2.2", inserted(" A: b\r\n"),
       no_http + "folded header line: ' A: b'"},
      {"a space before the colon", "9112 5.1", inserted("A : b\r\n"),
       no_http + "invalid header line: 'A : b'"},
      {"no colon", "9112 5", inserted("A b\r\n"), no_http + "invalid header line: 'A b'"},
      {"no name", "9112 5", inserted(": b\r\n"), no_http + "invalid header line: ': b'"},
      {"a name that is no token", "9110 5.1", inserted("A(b): c\r\n"),
       no_http + "invalid header line: 'A(b): c'"},
      {"a header of 8193 bytes", "hardening: header flood",
       inserted("A: " + std::string(8193 - 5, 'x') + "\r\n"),
       too_much + "a header is longer than 8192 bytes"},
      {"a header without an end", "hardening: header flood",
       std::string(switching) + "\r\nA: " + std::string(9000, 'x'),
       too_much + "a header is longer than 8192 bytes"},
      {"129 headers", "hardening: header flood", with("A", std::vector<std::string>(126, "b")),
       too_much + "more than 128 headers"},
      {"a wrong line in an interim response", "9110 15.2",
       "HTTP/1.1 103 Early Hints\r\nA b\r\n\r\n" + first(switching),
       no_http + "invalid header line: 'A b'"},
  };
}

std::vector<refused_row> wrong_headers() {
  const std::string accept = "Sec-WebSocket-Accept";
  const std::string subprotocol = "Sec-WebSocket-Protocol";
  const std::string extensions = "Sec-WebSocket-Extensions";
  return {
      {"no Upgrade", "6455 4.1", with("Upgrade", {}), "upgrade: missing Upgrade header"},
      {"an empty Upgrade", "6455 4.1", with("Upgrade", {""}), "upgrade: empty Upgrade header"},
      {"another Upgrade", "6455 4.1", with("Upgrade", {"h2c"}),
       "upgrade: invalid Upgrade header: h2c"},
      {"a list of upgrades", "6455 4.1", with("Upgrade", {"websocket, h2c"}),
       "upgrade: invalid Upgrade header: websocket, h2c"},
      {"two Upgrades", "6455 4.1", with("Upgrade", {"websocket", "websocket"}),
       "upgrade: invalid Upgrade header: more than one"},
      {"no Connection", "6455 4.1", with("Connection", {}), "upgrade: missing Connection header"},
      {"an empty Connection", "6455 4.1", with("Connection", {""}),
       "upgrade: empty Connection header"},
      {"another Connection", "6455 4.1", with("Connection", {"close"}),
       "upgrade: invalid Connection header: close"},
      {"a Connection without a comma", "9110 7.6.1", with("Connection", {"keep-alive Upgrade"}),
       "upgrade: invalid Connection header: keep-alive Upgrade"},
      {"no Accept", "6455 4.1", with(accept, {}), "header: missing Sec-WebSocket-Accept header"},
      {"an empty Accept", "6455 4.1", with(accept, {""}),
       "header: empty Sec-WebSocket-Accept header"},
      {"the key as Accept", "6455 4.1", with(accept, {"dGhlIHNhbXBsZSBub25jZQ=="}),
       "header: invalid Sec-WebSocket-Accept header: dGhlIHNhbXBsZSBub25jZQ=="},
      {"an Accept in another case", "6455 4.1", with(accept, {"S3PPLMBITXAQ9KYGZZHZRBK+XOO="}),
       "header: invalid Sec-WebSocket-Accept header: S3PPLMBITXAQ9KYGZZHZRBK+XOO="},
      {"an Accept with more behind it", "6455 4.1", with(accept, {accept_value + "="}),
       "header: invalid Sec-WebSocket-Accept header: " + accept_value + "="},
      {"an Accept in quotes", "6455 4.1", with(accept, {"\"" + accept_value + "\""}),
       "header: invalid Sec-WebSocket-Accept header: \"" + accept_value + "\""},
      {"two Accepts", "6455 11.3.3", with(accept, {accept_value, accept_value}),
       "header: invalid Sec-WebSocket-Accept header: more than one"},
      {"a subprotocol not offered", "6455 4.1", with(subprotocol, {"v3"}),
       "negotiation: unexpected subprotocol 'v3'"},
      {"a subprotocol in another case", "6455 4.1", with(subprotocol, {"Chat"}),
       "negotiation: unexpected subprotocol 'Chat'"},
      {"a list of subprotocols", "6455 4.2.2", with(subprotocol, {"chat, superchat"}),
       "negotiation: unexpected subprotocol 'chat, superchat'"},
      {"two subprotocols", "6455 11.3.4", with(subprotocol, {"chat", "superchat"}),
       "negotiation: more than one subprotocol"},
      {"a subprotocol twice", "6455 11.3.4", with(subprotocol, {"chat", "chat"}),
       "negotiation: more than one subprotocol"},
      {"an empty subprotocol", "6455 4.1", with(subprotocol, {""}),
       "negotiation: unexpected subprotocol ''"},
      {"an extension not offered", "6455 4.1", with(extensions, {"x-unknown"}),
       "negotiation: unexpected extension 'x-unknown'"},
  };
}

std::vector<refused_row> other_statuses() {
  const std::string chunked = "Transfer-Encoding: chunked\r\n";
  return {
      {"a body of a length", "9112 6.3", other("Content-Length: 4\r\n", "body, more"),
       "status 403: body"},
      {"a body of a length given twice", "9110 8.6",
       other("Content-Length: 4, 4\r\nContent-Length: 4\r\n", "body"), "status 403: body"},
      {"a body that ends early", "9112 8", other("Content-Length: 9\r\n", "body"),
       "status 403: body", true},
      {"a body to the end of TCP", "9112 6.3", other("", "body"), "status 403: body", true},
      {"a body of HTTP/1.0", "9112 6.3", "HTTP/1.0 403 Forbidden\r\n\r\nbody", "status 403: body",
       true},
      {"a body in chunks", "9112 7.1", other(chunked, "3\r\nbod\r\n01;x=y\r\ny\r\n0\r\n\r\n"),
       "status 403: body"},
      {"a length and chunks", "9112 6.3",
       other("Content-Length: 1\r\n" + chunked, "4\r\nbody\r\n0\r\n\r\n"), "status 403: body"},
      {"chunks inside another coding", "9112 6.3",
       other("Transfer-Encoding: chunked, gzip\r\n", "4\r\nbody"), "status 403: 4\r\nbody", true},
      {"a chunk without a size", "9112 7.1", other(chunked, "4\r\nbody\r\nx\r\n"),
       "status 403: body"},
      {"a chunk of a bare LF", "9112 7.1", other(chunked, "4\nbody\n"), "status 403: "},
      {"a chunk with nonsense behind its size", "9112 7.1", other(chunked, "4x\r\nbody\r\n"),
       "status 403: "},
      {"a length of letters", "9112 6.3", other("Content-Length: four\r\n", "body"),
       no_http + "invalid Content-Length header: 'four'"},
      {"a length with a sign", "9110 8.6", other("Content-Length: +4\r\n", "body"),
       no_http + "invalid Content-Length header: '+4'"},
      {"a length beyond 64 bits", "9110 8.6", other("Content-Length: 18446744073709551616\r\n", ""),
       no_http + "invalid Content-Length header: '18446744073709551616'"},
      {"an empty length", "9110 8.6", other("Content-Length:\r\n", "body"),
       no_http + "empty Content-Length header"},
      {"two lengths", "9112 6.3", other("Content-Length: 4\r\nContent-Length: 5\r\n", "body"),
       no_http + "invalid Content-Length header: '5'"},
      {"a list of two lengths", "9112 6.3", other("Content-Length: 4, 5\r\n", "body"),
       no_http + "invalid Content-Length header: '5'"},
      {"no body, whatever its length", "9112 6.3", other("Content-Length: 4\r\n", "", "304"),
       "status 304: "},
      {"204", "9112 6.3", other("", "", "204"), "status 204: "},
      {"200 with all of an upgrade", "6455 4.1",
       head_bytes("HTTP/1.1 200 OK", test::with(response_fields(), "Content-Length", {"0"})),
       "status 200: "},
      {"a redirect", "6455 4.1", other("Location: /x\r\nContent-Length: 0\r\n", "", "301"),
       "status 301: "},
      {"a call for credentials", "6455 4.1",
       other("WWW-Authenticate: Basic realm=\"x\"\r\nContent-Length: 0\r\n", "", "401"),
       "status 401: "},
      {"426 behind an interim response", "9110 15.2",
       interim(1) + other("Sec-WebSocket-Version: 8\r\nContent-Length: 0\r\n", "", "426"),
       "status 426: "},
  };
}

TEST(handshake_responses, that_are_wrong_fail_at_every_chop_and_say_why) {
  std::size_t rows = 0;
  for (const auto& table :
       {wrong_first_lines(), wrong_lines(), wrong_headers(), other_statuses()}) {
    for (const refused_row& row : table) {
      ++rows;
      SCOPED_TRACE(std::string(row.what) + " (" + row.source + ")");
      test::for_every_chop(row.bytes, [&](const std::vector<std::string>& pieces) {
        client_handshake client = new_client();
        for (const auto& piece : pieces) client.receive_data(as_bytes(piece));
        if (row.with_eof) {
          ASSERT_FALSE(client.failure());
          client.receive_eof();
        }
        ASSERT_EQ(describe(client.failure()), row.failure) << pieces.size();
        ASSERT_FALSE(client.next_response());
        ASSERT_EQ(client.subprotocol(), std::nullopt);
      });
    }
  }
  EXPECT_GE(rows, 60U);
}

// --- accepted

struct accepted_row {
  const char* what;
  const char* source;
  std::string bytes;
  std::optional<std::string> subprotocol = {};
};

std::vector<accepted_row> accepted_rows() {
  return {
      {"a response with nothing more", "6455 4.2.2", first(switching)},
      {"an empty reason", "9112 4", first("HTTP/1.1 101 ")},
      {"another reason", "9112 4", first("HTTP/1.1 101 Web Socket\tProtocol Handsh\xE4ke")},
      {"a later minor version", "9110 2.5", first("HTTP/1.2 101 OK")},
      {"a status line of 8192 bytes", "hardening: header flood",
       first("HTTP/1.1 101 " + std::string(8192 - 15, 'x'))},
      {"names and tokens in any case", "6455 4.1",
       "HTTP/1.1 101 OK\r\nupgrade: WebSocket\r\nCONNECTION: upgrade\r\n"
       "sec-WebSocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"},
      {"white space around values", "6455 4.1",
       "HTTP/1.1 101 OK\r\nUpgrade:\twebsocket \r\nConnection:Upgrade\r\n"
       "Sec-WebSocket-Accept:  s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\t\r\n\r\n"},
      {"a list of connection options", "9110 7.6.1", with("Connection", {"keep-alive, Upgrade"})},
      {"connection options over several lines", "9110 5.3",
       with("Connection", {"keep-alive", "upgrade"})},
      {"bytes above ASCII in a value", "9110 5.5", inserted("A: caf\xE9\r\n")},
      {"an empty value", "9110 5.5", inserted("A:\r\n")},
      {"a header of 8192 bytes", "hardening: header flood",
       inserted("A: " + std::string(8192 - 5, 'x') + "\r\n")},
      {"128 headers", "hardening: header flood", with("A", std::vector<std::string>(125, "b"))},
      {"a length, which a 101 does not have", "9112 6.3", with("Content-Length", {"5"})},
      {"a coding, which a 101 does not have", "9112 6.3", with("Transfer-Encoding", {"chunked"})},
      {"cookies", "6455 4.1", with("Set-Cookie", {"a=b", "c=d"})},
      {"interim responses before it", "9110 15.2",
       "HTTP/1.1 100 Continue\r\n\r\n" + interim(1) +
           "HTTP/1.1 199 x\r\nContent-Length: 5\r\n\r\n" + first(switching)},
      {"as many interim responses as are read", "9110 15.2", interim(16) + first(switching)},
      {"the first subprotocol", "6455 4.1", with("Sec-WebSocket-Protocol", {"chat"}), "chat"},
      {"the second subprotocol", "6455 4.1", with("Sec-WebSocket-Protocol", {" superchat\t"}),
       "superchat"},
  };
}

TEST(handshake_responses, that_are_odd_are_accepted_and_what_is_pipelined_behind_them_is_kept) {
  const std::string frames = test::to_wire(side::server, {.payload = "hi"}) + "\r\n\r\n";
  for (const accepted_row& row : accepted_rows()) {
    SCOPED_TRACE(std::string(row.what) + " (" + row.source + ")");
    for (const std::string& rest : {std::string(), frames}) {
      test::for_every_chop(row.bytes + rest, [&](const std::vector<std::string>& pieces) {
        client_handshake client = new_client();
        int responses = 0;
        for (const auto& piece : pieces) {
          client.receive_data(as_bytes(piece));
          if (client.next_response()) ++responses;
        }
        ASSERT_EQ(describe(client.failure()), "no failure") << pieces.size();
        ASSERT_EQ(responses, 1);
        ASSERT_EQ(client.subprotocol(), row.subprotocol);
        ASSERT_EQ(test::text_of(client.rest()), rest);
      });
    }
  }
}

}  // namespace
}  // namespace duplex::protocol
