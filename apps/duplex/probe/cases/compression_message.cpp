// Compressed messages, and what only looks like one.
#include "probe/deflate.hpp"
#include "probe/exchange.hpp"

namespace duplex::probe {
namespace {

constexpr const char* section = "RFC 7692 7.2.2";
constexpr const char* frames = "RFC 7692 6";
constexpr const char* offer = "permessage-deflate";

// A frame of a compressed message as it begins.
std::string first(unsigned code, std::string_view payload, bool fin = true) {
  return write({.code = code, .payload = std::string(payload), .fin = fin, .reserved = rsv1});
}

// A compressed message in fragments of `size` bytes.
std::string in_fragments(unsigned code, std::string_view payload, std::size_t size,
                         const std::string& between = {}) {
  std::string result = first(code, payload.substr(0, size), payload.size() <= size);
  while (payload.size() > size) {
    payload.remove_prefix(size);
    result += between + continuation(payload.substr(0, size), payload.size() <= size);
  }
  return result;
}

exchange row(std::string name, std::string sent, std::string bytes, std::vector<said> answers) {
  return {.name = "compression." + std::move(name),
          .section = section,
          .sent = std::move(sent),
          .bytes = std::move(bytes),
          .answers = std::move(answers),
          .extensions = offer};
}

exchange bad(std::string name, std::string why, std::string sent, std::string bytes,
             std::uint16_t code, std::vector<said> answers = {}) {
  exchange result = row(std::move(name), std::move(sent), std::move(bytes), std::move(answers));
  result.section = std::move(why);
  result.end = fails(code);
  return result;
}

std::string repetitive(std::size_t size) {
  std::string result;
  while (result.size() < size) result += "{\"key\": " + std::to_string(result.size()) + "}, ";
  result.resize(size);
  return result;
}

std::vector<exchange> sizes() {
  std::vector<exchange> rows;
  for (const std::size_t size : {0, 1, 125, 126, 127, 1000, 32768, 65535, 65536, 131072}) {
    const std::string number = std::to_string(size);
    rows.push_back(row("text-" + number, "a compressed text of " + number + " bytes",
                       first(text_code, compressed(repetitive(size))),
                       {says_text(repetitive(size))}));
  }
  rows.push_back(row("binary-65536-noise", "a compressed message of 65536 bytes that hardly shrink",
                     first(binary_code, compressed(filler(65536))), {says_binary(filler(65536))}));
  rows.push_back(row("text-100-times", "a compressed text a hundred times", {}, {}));
  for (int i = 0; i < 100; ++i) {
    const std::string message = repetitive(200) + std::to_string(i);
    rows.back().bytes += first(text_code, compressed(message));
    rows.back().answers.push_back(says_text(message));
  }
  return rows;
}

// The examples of section 7.2.3, byte by byte.
std::vector<exchange> examples() {
  const std::string hello("\xF2\x48\xCD\xC9\xC9\x07\x00", 7);
  const std::string stored("\x00\x05\x00\xFA\xFF\x48\x65\x6C\x6C\x6F\x00", 11);
  const std::string final_block("\xF3\x48\xCD\xC9\xC9\x07\x00\x00", 8);
  const std::string two_blocks("\xF2\x48\x05\x00\x00\x00\xFF\xFF\xCA\xC9\xC9\x07\x00", 13);
  std::vector<exchange> rows{
      row("example-one-block", "\"Hello\" in one block", first(text_code, hello),
          {says_text("Hello")}),
      row("example-two-fragments", "\"Hello\" in one block and two fragments",
          in_fragments(text_code, hello, 3), {says_text("Hello")}),
      row("example-stored", "\"Hello\" in a block without compression", first(text_code, stored),
          {says_text("Hello")}),
      row("example-final-block", "\"Hello\" in a block marked as the last",
          first(text_code, final_block), {says_text("Hello")}),
      row("example-two-blocks", "\"Hello\" in two blocks", first(text_code, two_blocks),
          {says_text("Hello")}),
      row("example-empty", "an empty compressed message", first(text_code, std::string(1, '\0')),
          {says_text("")}),
      row("final-block-then-another", "a message in a last block, then one more message",
          first(text_code, compressed_as_final_block("one")) + first(text_code, compressed("two")),
          {says_text("one"), says_text("two")}),
  };
  for (exchange& each : rows) each.section = "RFC 7692 7.2.3";
  return rows;
}

std::vector<exchange> mixed() {
  const std::string message = repetitive(3000), payload = compressed(message);
  std::vector<exchange> rows{
      row("not-compressed", "a message that is not compressed, on a connection that compresses",
          text("plain"), {says_text("plain")}),
      row("now-and-then", "messages compressed and not in turn",
          first(text_code, compressed("a")) + text("b") + first(binary_code, compressed("c")) +
              binary("d"),
          {says_text("a"), says_text("b"), says_binary("c"), says_binary("d")}),
      row("fragments", "a compressed message in fragments of 100 bytes",
          in_fragments(text_code, payload, 100), {says_text(message)}),
      row("fragments-of-1-byte", "a compressed message in fragments of one byte",
          in_fragments(text_code, payload, 1), {says_text(message)}),
      row("ping-between-fragments", "a compressed message, pings between its fragments",
          in_fragments(text_code, payload, 300, ping("p")), {}),
      row("empty-fragments-between", "a compressed message, empty fragments between its fragments",
          in_fragments(text_code, payload, 200, continuation("", false)), {says_text(message)}),
      row("chopped", "a compressed message, one byte a write", first(text_code, payload),
          {says_text(message)}),
  };
  rows.back().chop = 1;
  for (exchange& each : rows) {
    if (each.name != "compression.ping-between-fragments") continue;
    each.answers.assign((payload.size() - 1) / 300, says_pong("p"));
    each.answers.push_back(says_text(message));
  }
  return rows;
}

std::vector<exchange> wrong_frames() {
  const std::string payload = compressed("hello hello hello");
  const auto half = std::string_view(payload).substr(0, 5);
  return {
      bad("rsv1-on-continuation", frames, "a continuation with RSV1",
          first(text_code, half, false) +
              write({.code = continuation_code, .payload = payload.substr(5), .reserved = rsv1}),
          1002),
      bad("rsv1-on-continuation-only", frames, "RSV1 on a continuation and not before",
          text("hel", false) +
              write({.code = continuation_code, .payload = payload, .reserved = rsv1}),
          1002),
      bad("rsv1-on-ping", frames, "a ping with RSV1",
          write({.code = ping_code, .payload = payload, .reserved = rsv1}), 1002),
      bad("rsv1-on-pong", frames, "a pong with RSV1", write({.code = pong_code, .reserved = rsv1}),
          1002),
      bad("rsv1-on-close", frames, "a close frame with RSV1",
          write({.code = close_code, .payload = close_payload(1000), .reserved = rsv1}), 1002),
      bad("rsv2", "RFC 6455 5.2", "a compressed message with RSV2",
          write({.payload = payload, .reserved = rsv1 | rsv2}), 1002),
      bad("rsv3", "RFC 6455 5.2", "a message with RSV3",
          write({.payload = "hello", .reserved = rsv3}), 1002),
  };
}

std::vector<exchange> wrong_data() {
  const std::string reserved_block("\x06\x00", 2);  // BTYPE 11
  const std::string stored_mismatch("\x00\x05\x00\xFF\xFFHello", 10);
  const std::string stored_cut("\x00\x40\x00\xBF\xFFHello", 10);
  // A fixed block with a length and a distance of 1, and nothing before it to refer to.
  const std::string too_far("\x02\x02\x00", 3);
  std::vector<exchange> rows{
      bad("reserved-block-type", section, "a block of the type that is reserved",
          first(text_code, reserved_block), 1007),
      bad("stored-length-mismatch", section, "a stored block whose two lengths do not agree",
          first(text_code, stored_mismatch), 1007),
      bad("stored-cut", section, "a stored block of 64 bytes, five of which come",
          first(text_code, stored_cut), 1007),
      bad("reference-before-start", section, "a reference to what was never sent",
          first(text_code, too_far), 1007),
      bad("noise", section, "a compressed message of noise",
          first(binary_code, "\xFF\xFE\xFD" + filler(200)), 1007),
      bad("message-before-noise", section, "a good compressed message, then noise",
          first(text_code, compressed("good")) + first(binary_code, "\xFF\xFE\xFD" + filler(200)),
          1007, {says_text("good")}),
  };
  // No section names the code.
  for (exchange& each : rows) each.also_right = {1002, 1003};
  return rows;
}

std::vector<exchange> wrong_texts() {
  const std::string cut = "good \xE2\x82";
  const std::string payload = compressed("good \xFF" + filler(2000));
  const std::string whole = first(text_code, payload);
  exchange early = bad("bad-text-early", "RFC 6455 8.1",
                       "a compressed text with ff near its start, without the last byte of it",
                       whole.substr(0, whole.size() - 1), 1007);
  early.rest = whole.substr(whole.size() - 1);
  return {
      bad("bad-text", "RFC 6455 8.1", "a compressed text with ff",
          first(text_code, compressed("good \xFF")), 1007),
      bad("bad-text-end", "RFC 6455 8.1", "a compressed text that ends with e2 82",
          first(text_code, compressed(cut)), 1007),
      std::move(early),
  };
}

// A payload of 64 KiB that means 64 MiB.
probe_case bomb() {
  exchange row =
      bad("bomb-of-64-mib", "RFC 6455 10.4", "64 MiB of zeros, compressed to 64 KiB", {}, 1009);
  row.if_silent = "takes 64 MiB and more";
  row.patience = 4;
  probe_case result = to_case(row);
  result.run = [row](const target& target) {
    const std::string zeros(std::size_t{64} << 20, '\0');
    exchange filled = row;
    filled.bytes = first(binary_code, compressed(zeros));
    finding found = to_case(filled).run(target);
    if (found.got.starts_with("binary ")) {
      found.verdict = verdict::differs;
      found.note = filled.if_silent;
    }
    return found;
  };
  return result;
}

probe_case near_limit(std::string name, std::string sent,
                      std::function<exchange(std::size_t max_size)> make) {
  return to_case_near_limit(row(std::move(name), std::move(sent), {}, {}), std::move(make));
}

std::vector<probe_case> limits() {
  return {
      near_limit("message-of-max-size", "a compressed message that means as much as --max-size",
                 [](std::size_t max) {
                   const std::string message(max, 'm');
                   return exchange{.bytes = first(text_code, compressed(message)),
                                   .answers = {says_text(message)}};
                 }),
      near_limit("message-above-max-size", "a compressed message that means one byte more",
                 [](std::size_t max) {
                   return exchange{.bytes = first(text_code, compressed(std::string(max + 1, 'm'))),
                                   .end = fails(1009)};
                 }),
  };
}

}  // namespace

std::vector<probe_case> compression_message_cases() {
  std::vector<exchange> rows;
  for (auto part : {sizes(), examples(), mixed(), wrong_frames(), wrong_data(), wrong_texts()}) {
    for (exchange& each : part) rows.push_back(std::move(each));
  }
  auto cases = to_cases(std::move(rows));
  cases.push_back(bomb());
  for (probe_case& each : limits()) cases.push_back(std::move(each));
  return cases;
}

}  // namespace duplex::probe
