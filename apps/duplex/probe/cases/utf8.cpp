// Texts that are UTF-8 at every border of the code table, and texts that are not.
#include <duplex/buffer.hpp>
#include <duplex/protocol/utf8.hpp>

#include "probe/exchange.hpp"

namespace duplex::probe {
namespace {

constexpr const char* section = "RFC 6455 8.1";

struct sample {
  const char* name;
  std::string bytes;
};

std::vector<sample> good_samples() {
  return {
      {"u0000", std::string(1, '\0')}, {"u007f", "\x7F"},
      {"u0080", "\xC2\x80"},           {"u07ff", "\xDF\xBF"},
      {"u0800", "\xE0\xA0\x80"},       {"ud7ff", "\xED\x9F\xBF"},
      {"ue000", "\xEE\x80\x80"},       {"ufeff", "\xEF\xBB\xBF"},
      {"ufffd", "\xEF\xBF\xBD"},       {"ufffe", "\xEF\xBF\xBE"},
      {"uffff", "\xEF\xBF\xBF"},       {"u10000", "\xF0\x90\x80\x80"},
      {"u1fffe", "\xF0\x9F\xBF\xBE"},  {"u3ffff", "\xF0\xBF\xBF\xBF"},
      {"u40000", "\xF1\x80\x80\x80"},  {"u100000", "\xF4\x80\x80\x80"},
      {"u10ffff", "\xF4\x8F\xBF\xBF"}, {"greek", "\xCE\xBA\xE1\xBD\xB9\xCF\x83\xCE\xBC\xCE\xB5"},
  };
}

std::vector<sample> bad_samples() {
  return {
      {"continuation-80", "\x80"},
      {"continuation-bf", "\xBF"},
      {"overlong-c0-80", "\xC0\x80"},
      {"overlong-c0-af", "\xC0\xAF"},
      {"overlong-c1-bf", "\xC1\xBF"},
      {"overlong-e0-80-80", "\xE0\x80\x80"},
      {"overlong-e0-80-af", "\xE0\x80\xAF"},
      {"overlong-e0-9f-bf", "\xE0\x9F\xBF"},
      {"overlong-f0-80-80-80", "\xF0\x80\x80\x80"},
      {"overlong-f0-8f-bf-bf", "\xF0\x8F\xBF\xBF"},
      {"overlong-f8-88-80-80-80", "\xF8\x88\x80\x80\x80"},
      {"overlong-fc-84-80-80-80-80", "\xFC\x84\x80\x80\x80\x80"},
      {"surrogate-d800", "\xED\xA0\x80"},
      {"surrogate-db7f", "\xED\xAD\xBF"},
      {"surrogate-dc00", "\xED\xB0\x80"},
      {"surrogate-dfff", "\xED\xBF\xBF"},
      {"surrogate-pair", "\xED\xA0\x80\xED\xB0\x80"},
      {"above-110000", "\xF4\x90\x80\x80"},
      {"above-13ffff", "\xF4\xBF\xBF\xBF"},
      {"above-f5", "\xF5\x80\x80\x80"},
      {"above-1fffff", "\xF7\xBF\xBF\xBF"},
      {"byte-fe", "\xFE"},
      {"byte-ff", "\xFF"},
      {"two-byte-cut", "\xC3x"},
      {"three-byte-cut", "\xE2\x82x"},
      {"three-byte-cut-at-once", "\xE2x"},
      {"four-byte-cut", "\xF0\x9F\x98x"},
      {"four-byte-cut-at-once", "\xF0x"},
      {"two-byte-with-lead-byte", "\xC3\xC3"},
      {"latin-1", "\xE9t\xE9"},
  };
}

std::string in_hexadecimal(std::string_view bytes) {
  std::string text;
  for (const char c : bytes) {
    constexpr std::string_view digits = "0123456789abcdef";
    const auto value = static_cast<unsigned char>(c);
    text += text.empty() ? "" : " ";
    text += {digits[value >> 4], digits[value & 0xF]};
  }
  return text;
}

std::vector<exchange> good_ones() {
  std::vector<exchange> rows;
  for (const auto& [name, bytes] : good_samples()) {
    const std::string message = "a" + bytes + "z";
    rows.push_back({.name = std::string("utf8.good-") + name,
                    .section = section,
                    .sent = "a text with " + in_hexadecimal(bytes),
                    .bytes = text(message),
                    .answers = {says_text(message)}});
    if (bytes.size() == 1) continue;
    rows.push_back({.name = std::string("utf8.good-") + name + "-in-pieces",
                    .section = section,
                    .sent = "a text with " + in_hexadecimal(bytes) +
                            " in fragments of one byte, one byte a write",
                    .bytes = fragmented(text_code, message, 1),
                    .answers = {says_text(message)},
                    .chop = 1});
  }
  rows.push_back({.name = "utf8.good-binary-may-be-anything",
                  .section = "RFC 6455 5.6",
                  .sent = "a binary message of bytes that are not UTF-8",
                  .bytes = binary("\xFF\xFE\xC0"),
                  .answers = {says_binary("\xFF\xFE\xC0")}});
  return rows;
}

// How many bytes of a text tell that it is none.
std::size_t bytes_that_tell(std::string_view message) {
  protocol::utf8_validator validator;
  validator.receive(as_bytes(message));
  return static_cast<std::size_t>(validator.position()) + 1;
}

// One frame, of which the bytes behind the first bad one are withheld.
std::vector<exchange> bad_ones() {
  std::vector<exchange> rows;
  for (const auto& [name, bytes] : bad_samples()) {
    const std::string message = "good " + bytes + std::string(200, '.');
    const std::string whole = text(message);
    const std::size_t header_size = whole.size() - message.size();
    const std::size_t telling = header_size + bytes_that_tell(message);
    rows.push_back(
        {.name = std::string("utf8.bad-") + name,
         .section = section,
         .sent = "a text frame with " + in_hexadecimal(bytes) + ", up to the byte that is wrong",
         .bytes = whole.substr(0, telling),
         .end = fails(1007),
         .rest = whole.substr(telling)});
  }
  for (const auto& [name, bytes] : {sample{"two-bytes", "\xC3"}, sample{"three-bytes", "\xE2\x82"},
                                    sample{"four-bytes", "\xF0\x9F\x98"}}) {
    rows.push_back({.name = std::string("utf8.bad-end-inside-") + name,
                    .section = section,
                    .sent = "a text that ends with " + in_hexadecimal(bytes),
                    .bytes = text("good " + bytes),
                    .end = fails(1007)});
  }
  return rows;
}

std::vector<exchange> bad_across_fragments() {
  const std::string euro_cut = "\xE2\x82";
  return {
      {.name = "utf8.bad-in-first-fragment",
       .section = section,
       .sent = "a fragment with fe; the message goes on",
       .bytes = text("good \xFE", false),
       .end = fails(1007),
       .rest = continuation("bye")},
      {.name = "utf8.bad-in-second-fragment",
       .section = section,
       .sent = "a good fragment, then one with c0 af; the message goes on",
       .bytes = text("good ", false) + continuation("\xC0\xAF", false),
       .end = fails(1007),
       .rest = continuation("bye")},
      {.name = "utf8.bad-across-fragments",
       .section = section,
       .sent = "a fragment that ends with e2 82, then one that begins with \"x\"",
       .bytes = text("good " + euro_cut, false) + continuation("x", false),
       .end = fails(1007),
       .rest = continuation("bye")},
      {.name = "utf8.bad-surrogate-across-fragments",
       .section = section,
       .sent = "fragments that end with ed and begin with a0",
       .bytes = text("good \xED", false) + continuation("\xA0", false),
       .end = fails(1007),
       .rest = continuation("\x80")},
      {.name = "utf8.bad-end-in-last-fragment",
       .section = section,
       .sent = "a last, empty fragment behind e2 82",
       .bytes = text("good " + euro_cut, false) + continuation(""),
       .end = fails(1007)},
      {.name = "utf8.bad-behind-ping",
       .section = section,
       .sent = "a fragment that ends with e2, a ping, and a fragment that begins with 28",
       .bytes = text("good \xE2", false) + ping("p") + continuation("\x28", false),
       .answers = {says_pong("p")},
       .end = fails(1007),
       .rest = continuation("bye")},
      {.name = "utf8.bad-in-large-frame",
       .section = section,
       .sent = "the first 2000 bytes of a frame of 100000, the last of them ff",
       .bytes = text(filler(1999) + "\xFF" + filler(98'000)).substr(0, 14 + 2000),
       .end = fails(1007),
       .rest = text(filler(1999) + "\xFF" + filler(98'000)).substr(14 + 2000)},
  };
}

}  // namespace

std::vector<probe_case> utf8_cases() {
  std::vector<exchange> rows;
  for (auto part : {good_ones(), bad_ones(), bad_across_fragments()}) {
    for (exchange& each : part) rows.push_back(std::move(each));
  }
  return to_cases(std::move(rows));
}

}  // namespace duplex::probe
