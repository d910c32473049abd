// Messages in fragments, and the order in which things are answered.
#include "probe/exchange.hpp"

namespace duplex::probe {
namespace {

constexpr const char* section = "RFC 6455 5.4";

std::vector<exchange> right_ones() {
  const std::string long_text = filler(2000);
  return {
      {.name = "fragmentation.two",
       .section = section,
       .sent = "a text message in two fragments",
       .bytes = text("hel", false) + continuation("lo"),
       .answers = {says_text("hello")}},
      {.name = "fragmentation.binary",
       .section = section,
       .sent = "a binary message in two fragments",
       .bytes = binary(std::string("\0\xFF", 2), false) + continuation("\xFE"),
       .answers = {says_binary(std::string("\0\xFF\xFE", 3))}},
      {.name = "fragmentation.byte-by-byte",
       .section = section,
       .sent = "a text message of 2000 bytes in fragments of one byte",
       .bytes = fragmented(text_code, long_text, 1),
       .answers = {says_text(long_text)}},
      {.name = "fragmentation.chopped",
       .section = section,
       .sent = "a text message of 2000 bytes in fragments of 130 bytes, one byte a write",
       .bytes = fragmented(text_code, long_text, 130),
       .answers = {says_text(long_text)},
       .chop = 1},
      {.name = "fragmentation.all-empty",
       .section = section,
       .sent = "three empty fragments",
       .bytes = text("", false) + continuation("", false) + continuation(""),
       .answers = {says_text("")}},
      {.name = "fragmentation.empty-between",
       .section = section,
       .sent = "fragments \"a\", \"\", \"b\", \"\"",
       .bytes =
           text("a", false) + continuation("", false) + continuation("b", false) + continuation(""),
       .answers = {says_text("ab")}},
      {.name = "fragmentation.empty-first",
       .section = section,
       .sent = "an empty first fragment",
       .bytes = binary("", false) + continuation("ab"),
       .answers = {says_binary("ab")}},
      {.name = "fragmentation.ping-between",
       .section = section,
       .sent = "two fragments and a ping between",
       .bytes = text("hel", false) + ping("p") + continuation("lo"),
       .answers = {says_pong("p"), says_text("hello")}},
      {.name = "fragmentation.pings-between",
       .section = section,
       .sent = "five fragments, pings between, one byte a write",
       .bytes = text("a", false) + ping("1") + continuation("b", false) + ping("2") +
                continuation("c", false) + ping("3") + continuation("d", false) + ping("4") +
                continuation("e"),
       .answers = {says_pong("1"), says_pong("2"), says_pong("3"), says_pong("4"),
                   says_text("abcde")},
       .chop = 1},
      {.name = "fragmentation.pong-between",
       .section = section,
       .sent = "two fragments and an unsolicited pong between",
       .bytes = text("hel", false) + pong("p") + continuation("lo"),
       .answers = {says_text("hello")}},
      {.name = "fragmentation.two-messages",
       .section = section,
       .sent = "two messages in two fragments each",
       .bytes = text("a", false) + continuation("b") + binary("c", false) + continuation("d"),
       .answers = {says_text("ab"), says_binary("cd")}},
  };
}

std::vector<exchange> wrong_ones() {
  std::vector<exchange> rows;
  const auto wrong = [&](std::string name, std::string sent, std::string bytes,
                         std::vector<said> answers = {}) {
    rows.push_back({.name = "fragmentation." + std::move(name),
                    .section = section,
                    .sent = std::move(sent),
                    .bytes = std::move(bytes),
                    .answers = std::move(answers),
                    .end = fails(1002)});
  };
  wrong("continuation-of-nothing", "a final continuation of no message", continuation("lo"));
  wrong("continuation-of-nothing-open", "a continuation of no message that is not final",
        continuation("lo", false));
  wrong("continuation-after-message", "a whole message, then a continuation",
        text("whole") + continuation("more"), {says_text("whole")});
  wrong("continuation-after-fragments", "a message in fragments, then one continuation more",
        text("a", false) + continuation("b") + continuation("c"), {says_text("ab")});
  wrong("message-inside", "a fragment of a text message, then a whole text message",
        text("hel", false) + text("lo"));
  wrong("binary-inside", "a fragment of a text message, then a binary message",
        text("hel", false) + binary("lo"));
  wrong("empty-inside", "an empty fragment, then an empty text message",
        text("", false) + text(""));
  wrong("ping-and-message-inside", "a fragment, a ping, a whole message",
        text("hel", false) + ping("p") + text("lo"), {says_pong("p")});
  rows.push_back({.name = "fragmentation.message-inside-header-only",
                  .section = section,
                  .sent = "a fragment, then the header of a message of 100 bytes",
                  .bytes = text("hel", false) + text(filler(100)).substr(0, 6),
                  .end = fails(1002),
                  .rest = text(filler(100)).substr(6)});
  return rows;
}

// What is complete is answered before what comes behind it fails the connection.
std::vector<exchange> order() {
  std::vector<exchange> rows;
  const auto bad = [&](std::string name, std::string what, std::string bytes, std::uint16_t code) {
    rows.push_back({.name = "order.message-before-" + std::move(name),
                    .section = "RFC 6455 7.1.7",
                    .sent = "a good message, then " + std::move(what) + ", in one write",
                    .bytes = text("good") + std::move(bytes),
                    .answers = {says_text("good")},
                    .end = fails(code)});
  };
  bad("reserved-bit", "a frame with RSV2", write({.payload = "bad", .reserved = rsv2}), 1002);
  bad("reserved-opcode", "a frame of opcode 5", write({.code = 5}), 1002);
  bad("unmasked", "a frame that is not masked", write({.payload = "bad", .masked = false}), 1002);
  bad("bad-text", "a text that is not UTF-8", text("bad \xFF"), 1007);
  bad("bad-close", "a close frame with code 1005",
      write({.code = close_code, .payload = {'\x03', '\xED'}}), 1002);
  bad("bad-ping", "a ping that is not final", write({.code = ping_code, .fin = false}), 1002);

  exchange many{.name = "order.many-before-bad",
                .section = "RFC 6455 7.1.7",
                .sent = "fifty good messages and pings, then a frame of opcode 3, in one write",
                .end = fails(1002)};
  for (int i = 0; i < 25; ++i) {
    many.bytes += text(std::to_string(i)) + ping(std::to_string(i));
    many.answers.push_back(says_text(std::to_string(i)));
    many.answers.push_back(says_pong(std::to_string(i)));
  }
  many.bytes += write({.code = 3});
  rows.push_back(std::move(many));

  rows.push_back({.name = "order.nothing-after-failure",
                  .section = "RFC 6455 7.1.7",
                  .sent = "a frame of opcode 3, then a good message and a ping",
                  .bytes = write({.code = 3}) + text("after") + ping("after"),
                  .end = fails(1002)});
  rows.push_back({.name = "order.message-before-close",
                  .section = "RFC 6455 5.5.1",
                  .sent = "a good message and a close frame in one write",
                  .bytes = text("good") + close(1000),
                  .answers = {says_text("good")},
                  .end = closes(1000)});
  return rows;
}

}  // namespace

std::vector<probe_case> fragmentation_cases() {
  std::vector<exchange> rows;
  for (auto part : {right_ones(), wrong_ones(), order()}) {
    for (exchange& each : part) rows.push_back(std::move(each));
  }
  return to_cases(std::move(rows));
}

}  // namespace duplex::probe
