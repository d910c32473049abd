// Pings and pongs.
#include "probe/exchange.hpp"

namespace duplex::probe {
namespace {

constexpr const char* control = "RFC 6455 5.5";
constexpr const char* pinging = "RFC 6455 5.5.2";

std::string every_byte() {
  std::string all(125, '\0');
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<char>(i * 2 + 5);
  return all;
}

std::vector<exchange> pings() {
  std::vector<exchange> rows;
  for (const auto& [name, payload] :
       {std::pair("empty", std::string()), std::pair("text", std::string("hello")),
        std::pair("zeros", std::string(8, '\0')),
        std::pair("not-utf8", std::string("\xFE\xFF\x80")), std::pair("125-bytes", every_byte())}) {
    rows.push_back({.name = std::string("control.ping-") + name,
                    .section = pinging,
                    .sent = "a ping of " + std::to_string(payload.size()) + " bytes",
                    .bytes = ping(payload),
                    .answers = {says_pong(payload)}});
  }
  rows.push_back({.name = "control.ping-chopped",
                  .section = pinging,
                  .sent = "a ping of 125 bytes, one byte a write",
                  .bytes = ping(every_byte()),
                  .answers = {says_pong(every_byte())},
                  .chop = 1});
  rows.push_back({.name = "control.ping-and-messages",
                  .section = pinging,
                  .sent = "a message, a ping and a message in one write",
                  .bytes = text("a") + ping("p") + text("b"),
                  .answers = {says_text("a"), says_pong("p"), says_text("b")}});
  rows.push_back({.name = "control.ping-length-in-2-bytes",
                  .section = "RFC 6455 5.2",
                  .sent = "a ping whose length 5 is written in 2 bytes",
                  .bytes = write({.code = ping_code, .payload = "hello", .length_bytes = 2}),
                  .end = fails(1002)});
  return rows;
}

std::vector<exchange> bad_frames() {
  const auto header_of = [](unsigned code) {
    return write({.code = code, .payload = filler(126)}).substr(0, 2);
  };
  const auto rest_of = [](unsigned code) {
    return write({.code = code, .payload = filler(126)}).substr(2);
  };
  std::vector<exchange> rows;
  for (const auto& [name, code] : {std::pair("ping", ping_code), std::pair("pong", pong_code),
                                   std::pair("close", close_code)}) {
    rows.push_back({.name = std::string("control.") + name + "-126-bytes",
                    .section = control,
                    .sent = std::string("a ") + name + " of 126 bytes",
                    .bytes = write({.code = code, .payload = std::string(126, 'x')}),
                    .end = fails(1002)});
    rows.push_back({.name = std::string("control.") + name + "-126-bytes-header-only",
                    .section = control,
                    .sent = std::string("the first two bytes of a ") + name + " of 126 bytes",
                    .bytes = header_of(code),
                    .end = fails(1002),
                    .rest = rest_of(code)});
    rows.push_back({.name = std::string("control.") + name + "-fragmented",
                    .section = control,
                    .sent = std::string("a ") + name + " that is not final",
                    .bytes = write({.code = code, .fin = false}),
                    .end = fails(1002)});
  }
  rows.push_back({.name = "control.ping-65536-bytes",
                  .section = control,
                  .sent = "a ping of 65536 bytes",
                  .bytes = write({.code = ping_code, .payload = std::string(65536, 'x')}),
                  .end = fails(1002)});
  rows.push_back(
      {.name = "control.ping-fragments",
       .section = control,
       .sent = "a ping in two fragments",
       .bytes = write({.code = ping_code, .payload = "a", .fin = false}) + continuation("b"),
       .end = fails(1002)});
  return rows;
}

std::vector<exchange> pongs() {
  return {
      {.name = "control.pong-unsolicited",
       .section = "RFC 6455 5.5.3",
       .sent = "a pong nobody asked for",
       .bytes = pong("hello")},
      {.name = "control.pong-unsolicited-empty",
       .section = "RFC 6455 5.5.3",
       .sent = "an empty pong nobody asked for",
       .bytes = pong()},
      {.name = "control.pong-unsolicited-before-ping",
       .section = "RFC 6455 5.5.3",
       .sent = "a pong nobody asked for, then a ping",
       .bytes = pong("hello") + ping("p"),
       .answers = {says_pong("p")}},
  };
}

// Answers are in order, or the server may leave out all but the last (section 5.5.3).
probe_case ten_pings() {
  exchange row{.name = "control.pings-in-order",
               .section = "RFC 6455 5.5.3",
               .sent = "ten pings in one write"};
  for (int i = 0; i < 10; ++i) {
    row.bytes += ping(std::to_string(i));
    row.answers.push_back(says_pong(std::to_string(i)));
  }
  return to_case(std::move(row));
}

}  // namespace

std::vector<probe_case> control_cases() {
  std::vector<exchange> rows;
  for (auto part : {pings(), bad_frames(), pongs()}) {
    for (exchange& each : part) rows.push_back(std::move(each));
  }
  auto cases = to_cases(std::move(rows));
  cases.push_back(ten_pings());
  return cases;
}

}  // namespace duplex::probe
