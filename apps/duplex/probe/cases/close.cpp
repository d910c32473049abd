// The closing handshake: codes, reasons, and what comes behind.
#include <algorithm>

#include "probe/exchange.hpp"

namespace duplex::probe {
namespace {

constexpr const char* section = "RFC 6455 5.5.1";
constexpr const char* codes = "RFC 6455 7.4";

std::vector<exchange> good_codes() {
  std::vector<exchange> rows;
  for (const std::uint16_t code : {1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013,
                                   1014, 3000, 3999, 4000, 4999}) {
    rows.push_back({.name = "close.code-" + std::to_string(code),
                    .section = codes,
                    .sent = "a close frame with code " + std::to_string(code),
                    .bytes = close(code),
                    .end = closes(code)});
    // Registered later than the RFC, which reserves them.
    if (code >= 1012 && code <= 1014) rows.back().tolerated = {1002};
  }
  return rows;
}

std::vector<exchange> bad_codes() {
  std::vector<exchange> rows;
  for (const std::uint16_t code : {0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999}) {
    rows.push_back({.name = "close.code-" + std::to_string(code),
                    .section = codes,
                    .sent = "a close frame with code " + std::to_string(code),
                    .bytes = write({.code = close_code,
                                    .payload = {static_cast<char>(code >> 8),
                                                static_cast<char>(code & 0xFF)}}),
                    .end = fails(1002)});
  }
  // No section says what codes above 4999 mean, or that they are forbidden.
  for (const std::uint16_t code : {5000, 65535}) {
    rows.push_back({.name = "close.code-" + std::to_string(code),
                    .section = codes,
                    .sent = "a close frame with code " + std::to_string(code),
                    .bytes = close(code),
                    .end = fails(1002),
                    .tolerated = {code, 1000, 1005}});
  }
  return rows;
}

std::vector<exchange> payloads() {
  const std::string long_reason(123, 'r');
  const std::string wide_reason = [] {
    std::string text;
    for (int i = 0; i < 41; ++i) text += "\xE2\x82\xAC";
    return text;
  }();
  return {
      {.name = "close.empty",
       .section = section,
       .sent = "a close frame without a code",
       .bytes = close(1005),
       .end = closes(1005),
       .also_right = {1000}},
      {.name = "close.reason",
       .section = section,
       .sent = "a close frame with code 1000 and a reason",
       .bytes = close(1000, "bye"),
       .end = closes(1000)},
      {.name = "close.reason-123-bytes",
       .section = section,
       .sent = "a close frame with a reason of 123 bytes",
       .bytes = close(1000, long_reason),
       .end = closes(1000)},
      {.name = "close.reason-41-euros",
       .section = section,
       .sent = "a close frame with a reason of 41 characters in 123 bytes",
       .bytes = close(1000, wide_reason),
       .end = closes(1000)},
      {.name = "close.reason-124-bytes",
       .section = "RFC 6455 5.5",
       .sent = "a close frame with a reason of 124 bytes",
       .bytes = close(1000, long_reason + "r"),
       .end = fails(1002)},
      {.name = "close.one-byte",
       .section = section,
       .sent = "a close frame with a payload of one byte",
       .bytes = write({.code = close_code, .payload = "\x03"}),
       .end = fails(1002)},
      {.name = "close.reason-not-utf8",
       .section = section,
       .sent = "a close frame whose reason has ce ba ff",
       .bytes = close(1000, "\xCE\xBA\xFF"),
       .end = fails(1007)},
      {.name = "close.reason-cut",
       .section = section,
       .sent = "a close frame whose reason ends with e2 82",
       .bytes = close(1000, "euro \xE2\x82"),
       .end = fails(1007)},
      {.name = "close.reason-surrogate",
       .section = section,
       .sent = "a close frame whose reason has ed a0 80",
       .bytes = close(1000, "\xED\xA0\x80"),
       .end = fails(1007)},
      {.name = "close.chopped",
       .section = section,
       .sent = "a close frame with a reason, one byte a write",
       .bytes = close(1001, "going away"),
       .end = closes(1001),
       .chop = 1},
  };
}

std::vector<exchange> surroundings() {
  return {
      {.name = "close.inside-message",
       .section = section,
       .sent = "a fragment, then a close frame",
       .bytes = text("hel", false) + close(1001),
       .end = closes(1001)},
      {.name = "close.then-message",
       .section = section,
       .sent = "a close frame and a message behind it",
       .bytes = close(1000) + text("after"),
       .end = closes(1000)},
      {.name = "close.then-ping",
       .section = section,
       .sent = "a close frame and a ping behind it",
       .bytes = close(1000) + ping("after"),
       .end = closes(1000)},
      {.name = "close.then-nonsense",
       .section = "RFC 6455 1.4",
       .sent = "a close frame and behind it a frame of opcode 15, reserved bits set",
       .bytes = close(1000) + write({.code = 15, .reserved = 0x70}),
       .end = closes(1000)},
      {.name = "close.twice",
       .section = section,
       .sent = "two close frames with different codes",
       .bytes = close(1000) + close(1001),
       .end = closes(1000)},
      {.name = "close.inside-message-then-rest",
       .section = section,
       .sent = "a fragment, a close frame, and the last fragment",
       .bytes = text("hel", false) + close(1000) + continuation("lo"),
       .end = closes(1000)},
  };
}

// What comes after the server's close frame, up to the end of the connection.
finding leave(conversation& on, const target& target, const std::string& expected) {
  finding result{.expected = expected};
  const auto moment = std::min(on.deadline(), clock::now() + target.moment());
  auto said = on.next(moment);
  if (!said && on.timed_out()) {
    result.verdict = verdict::differs;
    result.note = "closes the TCP connection only after the client";
    on.finish_writing();
    said = on.next();
  }
  if (said) return {.verdict = verdict::wrong, .expected = expected, .got = describe(*said)};
  if (!on.ended()) {
    return {.verdict = verdict::wrong, .expected = expected, .got = "a connection left open"};
  }
  result.got = on.ending();
  return result;
}

probe_case ends_after_close() {
  const std::string expected = "close 1000, then the end of the connection";
  return {.name = "close.server-ends-connection",
          .section = "RFC 6455 7.1.1",
          .sent = "a close frame; the connection is left to the server",
          .run = [expected](const target& target) -> finding {
            conversation on(target, clock::now() + target.timeout);
            on.send(close(1000));
            const auto said = on.next();
            if (!said || said->code != close_code) {
              return {.verdict = verdict::wrong,
                      .expected = expected,
                      .got = said ? describe(*said) : on.ending()};
            }
            return leave(on, target, expected);
          }};
}

probe_case ends_after_failure() {
  const std::string expected = "the end of the connection";
  return {.name = "close.server-ends-failed-connection",
          .section = "RFC 6455 7.1.7",
          .sent = "a frame of opcode 3; its close frame is answered, the rest left to the server",
          .run = [expected](const target& target) -> finding {
            conversation on(target, clock::now() + target.timeout);
            on.send(write({.code = 3}));
            const auto said = on.next();
            if (said && said->code == close_code) {
              on.send(write({.code = close_code, .payload = said->payload}));
            } else if (said || !on.ended()) {
              return {.verdict = verdict::wrong,
                      .expected = expected,
                      .got = said ? describe(*said) : on.ending()};
            }
            return leave(on, target, expected);
          }};
}

// A client that goes away without a close frame: nothing more is to be said to it.
probe_case ends_after_half_close() {
  const std::string expected = "the end of the connection";
  return {.name = "close.client-half-closes",
          .section = "RFC 6455 7.1.5",
          .sent = "no close frame, but the end of the client's bytes",
          .run = [expected](const target& target) -> finding {
            conversation on(target, clock::now() + target.timeout);
            on.finish_writing();
            auto said = on.next();
            while (said && said->code == close_code) said = on.next();
            if (said || !on.ended()) {
              return {.verdict = verdict::wrong,
                      .expected = expected,
                      .got = said ? describe(*said) : on.ending()};
            }
            return {.expected = expected, .got = on.ending()};
          }};
}

}  // namespace

std::vector<probe_case> close_cases() {
  std::vector<exchange> rows;
  for (auto part : {good_codes(), bad_codes(), payloads(), surroundings()}) {
    for (exchange& each : part) rows.push_back(std::move(each));
  }
  auto cases = to_cases(std::move(rows));
  cases.push_back(ends_after_close());
  cases.push_back(ends_after_failure());
  cases.push_back(ends_after_half_close());
  return cases;
}

}  // namespace duplex::probe
