// Frames: lengths, masks, reserved bits, opcodes, and the pieces they come in.
#include <array>
#include <cstdio>

#include "probe/exchange.hpp"

namespace duplex::probe {
namespace {

constexpr const char* section = "RFC 6455 5.2";

std::string hexadecimal(unsigned value) {
  std::array<char, 8> digits = {};
  std::snprintf(digits.data(), digits.size(), "%x", value);
  return digits.data();
}

std::vector<exchange> lengths() {
  std::vector<exchange> rows;
  for (const std::size_t size :
       {0, 1, 124, 125, 126, 127, 128, 65534, 65535, 65536, 65537, 262144}) {
    const std::string payload = filler(size);
    const std::string bytes = std::to_string(size) + " bytes";
    rows.push_back({.name = "framing.text-" + std::to_string(size),
                    .section = section,
                    .sent = "a text message of " + bytes,
                    .bytes = text(payload),
                    .answers = {says_text(payload)}});
    std::string any = payload;
    for (std::size_t i = 0; i < any.size(); ++i) any[i] = static_cast<char>(any[i] + i * 7);
    rows.push_back({.name = "framing.binary-" + std::to_string(size),
                    .section = section,
                    .sent = "a binary message of " + bytes,
                    .bytes = binary(any),
                    .answers = {says_binary(any)}});
  }
  for (const auto& [size, length_bytes] :
       {std::pair(0, 2), std::pair(1, 2), std::pair(125, 2), std::pair(0, 8), std::pair(125, 8),
        std::pair(126, 8), std::pair(65535, 8)}) {
    rows.push_back({.name = "framing.not-minimal-" + std::to_string(size) + "-in-" +
                            std::to_string(length_bytes),
                    .section = section,
                    .sent = "a text frame whose length " + std::to_string(size) +
                            " is written in " + std::to_string(length_bytes) + " bytes",
                    .bytes = write({.payload = filler(static_cast<std::size_t>(size)),
                                    .length_bytes = length_bytes}),
                    .end = fails(1002)});
  }
  rows.push_back({.name = "framing.length-sign-bit",
                  .section = section,
                  .sent = "a binary frame of length 2^63 + 1, only its header",
                  .bytes = write({.code = binary_code, .length = (1ULL << 63) + 1}),
                  .end = fails(1002),
                  .also_right = {1009}});
  rows.push_back({.name = "framing.length-all-ones",
                  .section = section,
                  .sent = "a binary frame of length 2^64 - 1, only its header",
                  .bytes = write({.code = binary_code, .length = ~0ULL}),
                  .end = fails(1002),
                  .also_right = {1009}});
  return rows;
}

std::vector<exchange> pieces() {
  const std::string long_text = filler(1000);
  std::vector<exchange> rows;
  for (const std::size_t chop : {1, 2, 3, 7}) {
    rows.push_back(
        {.name = "framing.chopped-" + std::to_string(chop),
         .section = section,
         .sent = "messages of 5, 1000 and 0 bytes and a ping, cut into writes of " +
                 std::to_string(chop),
         .bytes = text("hello") + binary(long_text) + ping("p") + text(""),
         .answers = {says_text("hello"), says_binary(long_text), says_pong("p"), says_text("")},
         .chop = chop});
  }
  exchange many{.name = "framing.hundred-in-one-write",
                .section = section,
                .sent = "a hundred messages in one write"};
  for (int i = 0; i < 100; ++i) {
    many.bytes += text(std::to_string(i));
    many.answers.push_back(says_text(std::to_string(i)));
  }
  rows.push_back(std::move(many));
  rows.push_back({.name = "framing.large-chopped-997",
                  .section = section,
                  .sent = "a binary message of 65536 bytes, 997 bytes a write",
                  .bytes = binary(filler(65536)),
                  .answers = {says_binary(filler(65536))},
                  .chop = 997});
  return rows;
}

std::vector<exchange> masks() {
  const std::string masking = "RFC 6455 5.1";
  return {
      {.name = "masking.key-0",
       .section = "RFC 6455 5.3",
       .sent = "a text message masked with 00000000",
       .bytes = write({.payload = "hello", .key = 0}),
       .answers = {says_text("hello")}},
      {.name = "masking.key-ffffffff",
       .section = "RFC 6455 5.3",
       .sent = "a text message masked with ffffffff",
       .bytes = write({.payload = "hello", .key = 0xFFFFFFFF}),
       .answers = {says_text("hello")}},
      {.name = "masking.keys-differ",
       .section = "RFC 6455 5.3",
       .sent = "two fragments masked with different keys",
       .bytes = write({.payload = "hel", .fin = false, .key = 1}) +
                write({.code = continuation_code, .payload = "lo", .key = 0xDEADBEEF}),
       .answers = {says_text("hello")}},
      {.name = "masking.none-text",
       .section = masking,
       .sent = "a text frame that is not masked",
       .bytes = write({.payload = "hello", .masked = false}),
       .end = fails(1002)},
      {.name = "masking.none-empty",
       .section = masking,
       .sent = "an empty binary frame that is not masked",
       .bytes = write({.code = binary_code, .masked = false}),
       .end = fails(1002)},
      {.name = "masking.none-ping",
       .section = masking,
       .sent = "a ping that is not masked",
       .bytes = write({.code = ping_code, .payload = "p", .masked = false}),
       .end = fails(1002)},
      {.name = "masking.none-close",
       .section = masking,
       .sent = "a close frame that is not masked",
       .bytes = write({.code = close_code, .payload = close_payload(1000), .masked = false}),
       .end = fails(1002)},
      {.name = "masking.none-continuation",
       .section = masking,
       .sent = "a fragment that is masked and its continuation that is not",
       .bytes = text("hel", false) +
                write({.code = continuation_code, .payload = "lo", .masked = false}),
       .end = fails(1002)},
  };
}

std::vector<exchange> reserved_bits() {
  std::vector<exchange> rows;
  for (unsigned bits = 1; bits < 8; ++bits) {
    rows.push_back({.name = "reserved.bits-" + std::to_string(bits),
                    .section = section,
                    .sent = "a text frame with reserved bits " + std::to_string(bits) + " of 7",
                    .bytes = write({.payload = "hello", .reserved = bits << 4}),
                    .end = fails(1002)});
  }
  const auto bent = [&](std::string name, std::string sent, frame what, std::string before = {}) {
    rows.push_back({.name = "reserved." + std::move(name),
                    .section = section,
                    .sent = std::move(sent),
                    .bytes = before + write(what),
                    .end = fails(1002)});
  };
  bent("ping", "a ping with RSV2", {.code = ping_code, .reserved = rsv2});
  bent("pong", "a pong with RSV3", {.code = pong_code, .reserved = rsv3});
  bent("close", "a close frame with RSV1",
       {.code = close_code, .payload = close_payload(1000), .reserved = rsv1});
  bent("continuation", "a continuation with RSV1",
       {.code = continuation_code, .payload = "lo", .reserved = rsv1}, text("hel", false));
  rows.push_back({.name = "reserved.header-only",
                  .section = section,
                  .sent = "the first two bytes of a text frame with RSV3",
                  .bytes = write({.payload = "hello", .reserved = rsv3}).substr(0, 2),
                  .end = fails(1002),
                  .rest = write({.payload = "hello", .reserved = rsv3}).substr(2)});
  return rows;
}

std::vector<exchange> opcodes() {
  std::vector<exchange> rows;
  for (const unsigned code : {0x3U, 0x4U, 0x5U, 0x6U, 0x7U, 0xBU, 0xCU, 0xDU, 0xEU, 0xFU}) {
    const std::string shown = hexadecimal(code);
    rows.push_back({.name = "opcodes.reserved-" + shown,
                    .section = section,
                    .sent = "a frame of opcode 0x" + shown,
                    .bytes = write({.code = code, .payload = "hello"}),
                    .end = fails(1002)});
    rows.push_back({.name = "opcodes.reserved-" + shown + "-empty",
                    .section = section,
                    .sent = "an empty frame of opcode 0x" + shown,
                    .bytes = write({.code = code}),
                    .end = fails(1002)});
  }
  return rows;
}

}  // namespace

std::vector<probe_case> framing_cases() {
  std::vector<exchange> rows;
  for (auto part : {lengths(), pieces(), masks(), reserved_bits(), opcodes()}) {
    for (exchange& each : part) rows.push_back(std::move(each));
  }
  return to_cases(std::move(rows));
}

}  // namespace duplex::probe
