// The handshake's first line, its bytes as they come, and what is no request at all.
#include "probe/frames.hpp"
#include "probe/opening.hpp"

namespace duplex::probe {
namespace {

std::vector<opening> methods_and_versions() {
  const std::string client = "RFC 6455 4.2.1";
  std::vector<opening> rows;
  for (const std::string method : {"POST", "PUT", "HEAD", "OPTIONS", "DELETE", "CONNECT", "get"}) {
    rows.push_back({.name = "handshake.method-" + (method == "get" ? "lower-case" : method),
                    .section = client,
                    .sent = "a right request but for its method " + method,
                    .first = method + " {target} HTTP/1.1"});
  }
  for (const std::string version : {"HTTP/1.0", "HTTP/0.9"}) {
    rows.push_back({.name = "handshake.version-" + version.substr(5),
                    .section = client,
                    .sent = "a right request but for its version " + version,
                    .first = "GET {target} " + version});
  }
  for (const std::string version : {"HTTP/1.2", "HTTP/2.0"}) {
    rows.push_back({.name = "handshake.version-" + version.substr(5),
                    .section = client,
                    .sent = "a right request with version " + version + ", which is higher",
                    .right = welcome::either,
                    .first = "GET {target} " + version});
  }
  for (const auto& [name, version] :
       {std::pair("lower-case", "http/1.1"), std::pair("missing", ""),
        std::pair("other", "HTTQ/1.1"), std::pair("long", "HTTP/1.11"),
        std::pair("short", "HTTP/1")}) {
    const bool missing = *version == '\0';
    rows.push_back({.name = std::string("handshake.version-") + name,
                    .section = "RFC 9112 2.3",
                    .sent = missing ? "a first line without a version"
                                    : std::string("a first line with version ") + version,
                    .right = welcome::dropped,
                    .first = missing ? "GET {target}" : std::string("GET {target} ") + version});
  }
  return rows;
}

std::vector<opening> targets() {
  const std::string http = "RFC 9112 3.2";
  const std::string invalid = "a first line that is invalid should be refused (RFC 9112 3)";
  return {
      {.name = "handshake.target-query",
       .section = "RFC 6455 3",
       .sent = "a right request with a query behind the path",
       .right = welcome::accepted,
       .first = "GET {target}?a=1&b=%C3%A9 HTTP/1.1"},
      {.name = "handshake.target-absolute",
       .section = "RFC 9112 3.2.2",
       .sent = "a target in absolute form, http://host/path",
       .right = welcome::accepted,
       .first = "GET http://{host}{target} HTTP/1.1"},
      {.name = "handshake.target-2000-bytes",
       .section = "RFC 9110 4.1",
       .sent = "a target of 2000 bytes",
       .right = welcome::accepted,
       .first = "GET {target}?" + std::string(2000, 'q') + " HTTP/1.1"},
      {.name = "handshake.target-encoded-line-end",
       .section = "RFC 9110 5.5",
       .sent = "a target with %0d%0aX-Injected:1 in its query",
       .right = welcome::either,
       .first = "GET {target}?x=%0d%0aX-Injected:1 HTTP/1.1"},
      {.name = "handshake.target-missing",
       .section = http,
       .sent = "a first line without a target",
       .right = welcome::dropped,
       .first = "GET HTTP/1.1"},
      {.name = "handshake.target-empty",
       .section = http,
       .sent = "a first line with nothing between two spaces",
       .right = welcome::dropped,
       .first = "GET  HTTP/1.1",
       .tolerated = "white space in the first line may be read so (RFC 9112 3)"},
      {.name = "handshake.target-no-slash",
       .section = http,
       .sent = "the target \"chat\", which is no path",
       .first = "GET chat HTTP/1.1",
       .tolerated = invalid},
      {.name = "handshake.target-fragment",
       .section = "RFC 6455 3",
       .sent = "a target with a fragment, /#top",
       .first = "GET {target}#top HTTP/1.1",
       .tolerated = "RFC 6455 forbids the client to send it, not the server to take it"},
      {.name = "handshake.target-space",
       .section = http,
       .sent = "a target with a space",
       .right = welcome::dropped,
       .first = "GET {target}a b HTTP/1.1",
       .tolerated = invalid},
      {.name = "handshake.target-control-character",
       .section = http,
       .sent = "a target with the byte 0x01",
       .right = welcome::dropped,
       .first = "GET {target}\x01 HTTP/1.1",
       .tolerated = "no URI has this byte, but no section has the server refuse it"},
      {.name = "handshake.target-not-ascii",
       .section = http,
       .sent = "a target with the bytes c3 a9",
       .right = welcome::dropped,
       .first = "GET {target}\xC3\xA9 HTTP/1.1",
       .tolerated = "no URI has these bytes, but no section has the server refuse them"},
  };
}

std::vector<opening> bytes_as_they_come() {
  return {
      {.name = "handshake.byte-by-byte",
       .section = "RFC 6455 4.2.1",
       .sent = "a right request, one byte at a time",
       .right = welcome::accepted,
       .chop = 1},
      {.name = "handshake.seven-bytes-at-a-time",
       .section = "RFC 6455 4.2.1",
       .sent = "a right request, seven bytes at a time",
       .right = welcome::accepted,
       .chop = 7},
      {.name = "handshake.pipelined-message",
       .section = "RFC 6455 4.1",
       .sent = "a right request and a text message behind it, in one write",
       .right = welcome::accepted,
       .behind = text("early"),
       .echo = "early"},
      {.name = "handshake.pipelined-half-frame",
       .section = "RFC 6455 4.1",
       .sent = "a right request and a text message behind it, 100 bytes at a time",
       .right = welcome::accepted,
       .behind = text(filler(300)),
       .echo = filler(300),
       .chop = 100},
      {.name = "handshake.leading-empty-line",
       .section = "RFC 9112 2.2",
       .sent = "an empty line, then a right request",
       .right = welcome::accepted,
       .before = "\r\n",
       .tolerated = "one empty line should be ignored"},
      {.name = "handshake.line-feeds-alone",
       .section = "RFC 9112 2.2",
       .sent = "a right request with LF instead of CRLF",
       .right = welcome::either,
       .line_end = "\n"},
      {.name = "handshake.carriage-returns-alone",
       .section = "RFC 9112 2.2",
       .sent = "a right request with CR instead of CRLF, and an empty line",
       .right = welcome::dropped,
       .line_end = "\r",
       .behind = "\r\n\r\n"},
      {.name = "handshake.empty-lines-only",
       .section = "RFC 9112 2.2",
       .sent = "sixty-four empty lines and a first line that is none",
       .right = welcome::dropped,
       .instead =
           [] {
             std::string lines;
             for (int i = 0; i < 64; ++i) lines += "\r\n";
             return lines + "x\r\n\r\n";
           }()},
  };
}

std::vector<opening> what_is_no_request() {
  const std::string http = "RFC 9112 2.2";
  const std::string hello = std::string("\x16\x03\x01\x00\x2F\x01\x00\x00\x2B\x03\x03", 11) +
                            std::string(32, '\x5A') +
                            std::string("\x00\x00\x02\x13\x01\x01\x00", 7);
  return {
      {.name = "handshake.tls-hello",
       .section = http,
       .sent = "a TLS ClientHello, and two empty lines",
       .right = welcome::dropped,
       .instead = hello + "\r\n\r\n\r\n"},
      {.name = "handshake.http2-preface",
       .section = http,
       .sent = "the preface of HTTP/2",
       .right = welcome::dropped,
       .instead = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"},
      {.name = "handshake.frame-first",
       .section = "RFC 6455 4.1",
       .sent = "a text frame instead of a request, and two empty lines",
       .right = welcome::dropped,
       .instead = text("hello") + "\r\n\r\n"},
      {.name = "handshake.zeros",
       .section = http,
       .sent = "a thousand zero bytes and two line ends",
       .right = welcome::dropped,
       .instead = std::string(1000, '\0') + "\r\n\r\n"},
      {.name = "handshake.response",
       .section = http,
       .sent = "a 101 response instead of a request",
       .right = welcome::dropped,
       .instead = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                  "Connection: Upgrade\r\n\r\n"},
      {.name = "handshake.terminal-escape",
       .section = http,
       .sent = "a first line of terminal escape sequences",
       .right = welcome::dropped,
       .instead = "\x1b]0;title\x07\x1b[2J /\x1b[31m HTTP/1.1\r\n\r\n"},
  };
}

}  // namespace

std::vector<probe_case> handshake_request_cases() {
  std::vector<opening> rows{{.name = "handshake.right",
                             .section = "RFC 6455 4.2.2",
                             .sent = "a right request",
                             .right = welcome::accepted}};
  for (auto part :
       {methods_and_versions(), targets(), bytes_as_they_come(), what_is_no_request()}) {
    for (opening& each : part) rows.push_back(std::move(each));
  }
  return to_cases(std::move(rows));
}

}  // namespace duplex::probe
