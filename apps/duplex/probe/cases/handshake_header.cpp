// The headers of the handshake: those it needs, how they may be written, and what none may be.
#include <utility>

#include "probe/frames.hpp"
#include "probe/opening.hpp"

namespace duplex::probe {
namespace {

constexpr const char* server = "RFC 6455 4.2.1";
constexpr const char* syntax = "RFC 9112 5.1";
constexpr const char* smuggling = "RFC 9112 6.3";

// A header in other words than usual, or left out.
opening other(std::string name, std::string section, std::string sent, welcome right,
              std::string header, std::vector<std::string> lines) {
  return {.name = "handshake." + std::move(name),
          .section = std::move(section),
          .sent = std::move(sent),
          .right = right,
          .drop = {std::move(header)},
          .add = std::move(lines)};
}

opening added(std::string name, std::string section, std::string sent, welcome right,
              std::vector<std::string> lines) {
  return {.name = "handshake." + std::move(name),
          .section = std::move(section),
          .sent = std::move(sent),
          .right = right,
          .add = std::move(lines)};
}

opening tolerating(opening row, std::string why) {
  row.tolerated = std::move(why);
  return row;
}

opening asking(opening row, int status) {
  row.status = status;
  return row;
}

std::vector<opening> upgrade_and_connection() {
  const auto yes = welcome::accepted, no = welcome::refused;
  const std::string list = "RFC 9110 5.6.1";
  return {
      other("upgrade-capital", server, "Upgrade: WebSocket", yes, "Upgrade",
            {"Upgrade: WebSocket"}),
      other("upgrade-upper-case", server, "UPGRADE: WEBSOCKET", yes, "Upgrade",
            {"UPGRADE: WEBSOCKET"}),
      tolerating(other("upgrade-list", server, "Upgrade: foo, websocket", yes, "Upgrade",
                       {"Upgrade: foo, websocket"}),
                 "takes no list, though a server may choose from one (RFC 9110 7.8)"),
      other("upgrade-missing", server, "no Upgrade header", no, "Upgrade", {}),
      other("upgrade-empty", server, "an empty Upgrade header", no, "Upgrade", {"Upgrade:"}),
      other("upgrade-other", server, "Upgrade: h2c", no, "Upgrade", {"Upgrade: h2c"}),
      other("upgrade-prefix", server, "Upgrade: websockets", no, "Upgrade",
            {"Upgrade: websockets"}),
      other("upgrade-suffix", server, "Upgrade: x-websocket", no, "Upgrade",
            {"Upgrade: x-websocket"}),
      other("connection-lower-case", server, "connection: upgrade", yes, "Connection",
            {"connection: upgrade"}),
      other("connection-list", server, "Connection: keep-alive, Upgrade", yes, "Connection",
            {"Connection: keep-alive, Upgrade"}),
      other("connection-list-without-spaces", server, "Connection: keep-alive,UPGRADE,foo", yes,
            "Connection", {"Connection: keep-alive,UPGRADE,foo"}),
      other("connection-two-lines", server, "Connection: keep-alive and Connection: Upgrade", yes,
            "Connection", {"Connection: keep-alive", "Connection: Upgrade"}),
      other("connection-empty-elements", list, "Connection: , ,Upgrade, ,", yes, "Connection",
            {"Connection: , ,Upgrade, ,"}),
      other("connection-missing", server, "no Connection header", no, "Connection", {}),
      other("connection-other", server, "Connection: keep-alive", no, "Connection",
            {"Connection: keep-alive"}),
      other("connection-prefix", server, "Connection: Upgraded", no, "Connection",
            {"Connection: Upgraded"}),
      other("connection-one-word", server, "Connection: keep-alive Upgrade, without a comma", no,
            "Connection", {"Connection: keep-alive Upgrade"}),
  };
}

std::vector<opening> versions() {
  std::vector<opening> rows;
  const std::string section = "RFC 6455 4.2.2";
  const std::string name = "Sec-WebSocket-Version";
  for (const std::string version : {"0", "7", "8", "12", "14", "256", "13.0", "1 3", "x"}) {
    rows.push_back(other("websocket-version-" + (version == "1 3" ? "1-3" : version), section,
                         name + ": " + version, welcome::refused, name, {name + ": " + version}));
    rows.back().header = name;
    if (version == "7" || version == "8") {
      rows.back().tolerated = "speaks a draft of the protocol as though it were RFC 6455";
    }
  }
  rows.push_back(
      other("websocket-version-missing", section, "no " + name, welcome::refused, name, {}));
  rows.push_back(other("websocket-version-empty", section, "an empty " + name, welcome::refused,
                       name, {name + ":"}));
  rows.push_back(other("websocket-version-013", "RFC 6455 4.3",
                       name + ": 013, which is no number there", welcome::refused, name,
                       {name + ": 013"}));
  rows.push_back(
      tolerating(other("websocket-version-list", section, name + ": 13, 8", welcome::refused, name,
                       {name + ": 13, 8"}),
                 "a request has one version, but no section has the server refuse more"));
  rows.push_back(tolerating(
      other("websocket-version-twice", "RFC 6455 11.3.5", name + ": 13 and " + name + ": 8",
            welcome::refused, name, {name + ": 13", name + ": 8"}),
      "the header must not appear twice; the first was taken"));
  return rows;
}

std::vector<opening> keys() {
  const std::string name = "Sec-WebSocket-Key";
  const auto key = [&](std::string title, std::string sent, welcome right, std::string value) {
    return other("key-" + std::move(title), server, std::move(sent), right, name,
                 {name + ":" + std::move(value)});
  };
  const auto no = welcome::refused;
  return {
      key("zeros", "a key of sixteen zero bytes", welcome::accepted, " AAAAAAAAAAAAAAAAAAAAAA=="),
      key("plus-and-slash", "a key with + and / in it", welcome::accepted,
          " +/+/+/+/+/+/+/+/+/+/+A=="),
      key("white-space", "tabs and spaces around the key", welcome::accepted,
          "\t dGhlIHNhbXBsZSBub25jZQ== \t"),
      key("without-space", "no space before the key", welcome::accepted,
          "dGhlIHNhbXBsZSBub25jZQ=="),
      other("key-missing", server, "no key", no, name, {}),
      key("empty", "an empty key", no, ""),
      key("15-bytes", "a key of 15 bytes", no, " dGhlIHNhbXBsZSBub25j"),
      key("17-bytes", "a key of 17 bytes", no, " dGhlIHNhbXBsZSBub25jZSE="),
      key("not-base64", "a key that is not base64", no, " dGhlIHNhbXBsZSBub25j!!=="),
      key("not-padded", "a key without its padding", no, " dGhlIHNhbXBsZSBub25jZQ"),
      key("inner-space", "a key with a space in its middle", no, " dGhlIHNhbXBsZSBu b25jZQ=="),
      key("4000-bytes", "a key of 4000 letters", no, " " + std::string(4000, 'A')),
      other("key-twice", "RFC 6455 11.3.1", "two keys", no, name,
            {name + ": dGhlIHNhbXBsZSBub25jZQ==", name + ": AAAAAAAAAAAAAAAAAAAAAA=="}),
  };
}

std::vector<opening> hosts() {
  const std::string section = "RFC 9112 3.2";
  const auto no = welcome::refused;
  const auto host = [&](std::string title, std::string sent, std::string value) {
    return asking(other("host-" + std::move(title), section, std::move(sent), no, "Host",
                        {"Host: " + std::move(value)}),
                  400);
  };
  return {
      asking(other("host-missing", section, "no Host header", no, "Host", {}), 400),
      asking(added("host-twice", section, "two Host headers", no, {"Host: other.example"}), 400),
      host("space", "Host: a b", "a b"),
      host("slash", "Host: a/b", "a/b"),
      host("user", "Host: user@host", "user@host"),
      host("bad-port", "Host: host:port", "host:port"),
      other("host-upper-case", section, "the name of the Host header in capitals",
            welcome::accepted, "Host", {"HOST: {host}"}),
  };
}

std::vector<opening> syntax_of_headers() {
  const auto yes = welcome::accepted, no = welcome::refused;
  const std::string malformed = "malformed, though no section has the server refuse it";
  const std::string replaced = "legal only where the byte is replaced by a space";
  return {
      added("header-unknown", syntax, "a header nobody knows", yes, {"X-Something: else"}),
      added("header-empty", syntax, "a header with an empty value", yes, {"X-Empty:"}),
      added("header-not-ascii", "RFC 9110 5.5", "a header value with the bytes c3 a9", yes,
            {"X-Text: caf\xC3\xA9"}),
      added("header-4000-bytes", syntax, "a header value of 4000 bytes", yes,
            {"X-Long: " + std::string(4000, 'x')}),
      added("header-white-space", syntax, "a header value between tabs and spaces", yes,
            {"X-Space: \t \t here \t "}),
      added("extension-unknown", "RFC 6455 9.1", "an offer of an extension nobody knows", yes,
            {"Sec-WebSocket-Extensions: x-unknown; level=1; name=\"abc\""}),
      added("extension-malformed", "RFC 6455 9.1", "an offer of extensions: \";;=,\"", no,
            {"Sec-WebSocket-Extensions: ;;=,"}),
      tolerating(added("subprotocol-malformed", "RFC 6455 11.3.4", "the subprotocol \"a b\"", no,
                       {"Sec-WebSocket-Protocol: a b"}),
                 "ignores what is no subprotocol"),
      asking(added("header-space-before-colon", syntax, "a header with a space before its colon",
                   no, {"X-Space : here"}),
             400),
      tolerating(
          added("header-without-colon", syntax, "a header line without a colon", no, {"X-Nothing"}),
          malformed),
      tolerating(added("header-without-name", syntax, "a header line that begins with its colon",
                       no, {": nothing"}),
                 malformed),
      tolerating(added("header-bad-name", "RFC 9110 5.1", "a header whose name has a space", no,
                       {"X Space: here"}),
                 malformed),
      tolerating(added("header-name-control-character", "RFC 9110 5.1",
                       "a header whose name has the byte 0x01", no, {"X-\x01: here"}),
                 malformed),
      tolerating(added("header-zero", "RFC 9110 5.5", "a header value with a zero byte", no,
                       {std::string("X-Zero: a\0b", 11)}),
                 replaced),
      tolerating(added("header-carriage-return", "RFC 9112 2.2", "a header value with a lone CR",
                       no, {"X-Return: a\rX-Injected: 1"}),
                 replaced),
      tolerating(asking(added("header-folded", "RFC 9112 5.2", "a header folded over two lines", no,
                              {"X-Folded: a", " b"}),
                        400),
                 "legal only where the fold is replaced by spaces"),
      {.name = "handshake.header-first-blank",
       .section = "RFC 9112 2.2",
       .sent = "white space between the first line and the headers",
       .first = "GET {target} HTTP/1.1\r\n X-Blank: 1",
       .tolerated = "legal only where the line is ignored"},
  };
}

// Bodies: bytes that one side takes for a frame and a proxy between does not.
std::vector<opening> bodies() {
  const auto behind = [](opening row) {
    row.behind = ping();  // six bytes
    return row;
  };
  const auto no = welcome::refused;
  return {
      added("body-of-no-length", smuggling, "Content-Length: 0", welcome::accepted,
            {"Content-Length: 0"}),
      behind(added("body-as-frame", smuggling, "a body of six bytes, which could be a ping",
                   welcome::either, {"Content-Length: 6"})),
      behind(added("body-chunked-as-frame", smuggling, "a chunked request whose body is a ping", no,
                   {"Transfer-Encoding: chunked"})),
      behind(asking(added("body-two-lengths", smuggling, "Content-Length: 6 and Content-Length: 0",
                          no, {"Content-Length: 6", "Content-Length: 0"}),
                    400)),
      asking(added("body-bad-length", smuggling, "Content-Length: x", no, {"Content-Length: x"}),
             400),
      asking(added("body-negative-length", smuggling, "Content-Length: -1", no,
                   {"Content-Length: -1"}),
             400),
      added("body-length-and-chunked", "RFC 9112 6.1",
            "Content-Length: 0 and Transfer-Encoding: chunked", no,
            {"Content-Length: 0", "Transfer-Encoding: chunked"}),
  };
}

std::vector<opening> floods() {
  const std::string large = "RFC 6455 10.4";
  const std::string why = "no limit below a MiB";
  const auto flood = [&](std::string name, std::string sent) {
    return opening{.name = "handshake." + std::move(name),
                   .section = large,
                   .sent = std::move(sent),
                   .right = welcome::dropped,
                   .tolerated = why};
  };
  opening many = flood("flood-of-headers", "a MiB of short headers");
  for (int i = 0; i < 70'000; ++i) many.add.push_back("X-" + std::to_string(100'000 + i) + ": y");
  opening long_header = flood("flood-in-a-header", "a header of a MiB");
  long_header.add = {"X-Long: " + std::string(std::size_t{1} << 20, 'x')};
  opening long_target = flood("flood-in-the-target", "a target of a MiB");
  long_target.first = "GET {target}?" + std::string(std::size_t{1} << 20, 'x') + " HTTP/1.1";
  opening endless = flood("flood-without-line-end", "a MiB of letters without a line end");
  endless.instead = std::string(std::size_t{1} << 20, 'x');
  opening connection = flood("flood-of-commas", "a Connection header of 7000 commas and Upgrade");
  connection.right = welcome::either;
  connection.drop = {"Connection"};
  connection.add = {"Connection: " + std::string(7000, ',') + "Upgrade"};
  return {many, long_header, long_target, endless, connection};
}

}  // namespace

std::vector<probe_case> handshake_header_cases() {
  std::vector<opening> rows;
  for (auto part : {upgrade_and_connection(), versions(), keys(), hosts(), syntax_of_headers(),
                    bodies(), floods()}) {
    for (opening& each : part) rows.push_back(std::move(each));
  }
  return to_cases(std::move(rows));
}

}  // namespace duplex::probe
