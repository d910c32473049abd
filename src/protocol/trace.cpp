// Payloads made short enough to read.
#include "protocol/trace.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <string_view>

#include <duplex/buffer.hpp>
#include <duplex/close_code.hpp>
#include <duplex/protocol/connection.hpp>
#include <duplex/protocol/handshake.hpp>
#include <duplex/protocol/http1.hpp>
#include <duplex/protocol/utf8.hpp>

#include "base/authority.hpp"

namespace duplex::protocol {
namespace {

std::string_view log_name(opcode code) {
  switch (code) {
    case opcode::continuation:
      return "CONT";
    case opcode::text:
      return "TEXT";
    case opcode::binary:
      return "BINARY";
    case opcode::close:
      return "CLOSE";
    case opcode::ping:
      return "PING";
    case opcode::pong:
      return "PONG";
  }
  return "";
}

bool continues_character(char byte) { return (static_cast<unsigned char>(byte) & 0xC0) == 0x80; }

// Without the middle where it is too long, cut between characters.
std::string shortened(std::string_view text, std::size_t max) {
  if (text.size() <= max) return std::string(text);
  const std::size_t piece = max / 3 - 1;
  std::size_t head = 2 * piece, tail = text.size() - piece;
  while (head > 0 && continues_character(text[head])) --head;
  while (tail < text.size() && continues_character(text[tail])) ++tail;
  return std::string(text.substr(0, head)) + "..." + std::string(text.substr(tail));
}

void append_hex(std::string& to, std::span<const std::byte> bytes) {
  static constexpr char digits[] = "0123456789abcdef";
  for (const std::byte each : bytes) {
    if (!to.empty()) to += ' ';
    to += digits[std::to_integer<unsigned>(each >> 4)];
    to += digits[std::to_integer<unsigned>(each & std::byte{0xF})];
  }
}

// Three characters a byte.
std::string hex(std::span<const std::byte> bytes, std::size_t max) {
  std::string text;
  if (3 * bytes.size() <= max + 1) {
    append_hex(text, bytes);
    return text;
  }
  const std::size_t piece = (max / 3 - 1) / 3;
  append_hex(text, bytes.first(2 * piece));
  text += " ...";
  append_hex(text, bytes.last(piece));
  return text;
}

std::string describe_close(std::span<const std::byte> payload, std::size_t max) {
  if (payload.size() < 2) return to_string(close_info{});
  const auto code = static_cast<std::uint16_t>(std::to_integer<unsigned>(payload[0]) << 8 |
                                               std::to_integer<unsigned>(payload[1]));
  return to_string(close_info{code, shortened(as_text(payload.subspan(2)), max)});
}

bool is_readable(std::span<const std::byte> payload) {
  const auto is_control = [](std::byte each) { return each < std::byte{0x20}; };
  return is_utf8(payload) && std::ranges::none_of(payload, is_control);
}

// Others are text where they look like it: a fragment may be cut inside a character, a ping random.
std::string describe_payload(opcode code, std::span<const std::byte> payload, std::size_t max) {
  if (code == opcode::close) return describe_close(payload, max);
  const bool text = code == opcode::text || (code != opcode::binary && is_readable(payload));
  if (!text) return hex(payload, max);
  return "'" + shortened(as_text(payload), max) + "'";
}

// As far as its name says: services have keys and tokens in headers of their own.
bool carries_credentials(std::string_view name) {
  static constexpr std::array<std::string_view, 6> words = {"authorization", "cookie", "key",
                                                            "password",      "secret", "token"};
  const auto same = [](char a, char b) { return equal_ignoring_case({&a, 1}, {&b, 1}); };
  const auto has = [&](std::string_view word) {
    return std::search(name.begin(), name.end(), word.begin(), word.end(), same) != name.end();
  };
  // Browsers can send a token in no other header than that of the subprotocols.
  if (equal_ignoring_case(name, "Sec-WebSocket-Protocol")) return true;
  return !protocol::is_handshake_header(name) && std::ranges::any_of(words, has);
}

// What follows a `?` may be a token of access.
std::string shown_target(std::string_view target) {
  const auto mark = target.find('?');
  if (mark == target.npos) return std::string(target);
  return std::string(target.substr(0, mark)) + "?(not logged)";
}

std::string shown_value(std::string_view name, const std::string& value) {
  if (carries_credentials(name)) return "(not logged)";
  const bool is_uri = equal_ignoring_case(name, "Location");
  return is_uri ? shown_target(detail::shown_uri(value)) : value;
}

std::vector<std::string> describe_head(std::string start_line, const headers& fields) {
  std::vector<std::string> lines = {std::move(start_line)};
  for (const auto& [name, value] : fields) {
    lines.push_back(name + ": " + shown_value(name, value));
  }
  return lines;
}

}  // namespace

std::string describe_frame(opcode code, bool fin, std::span<const std::byte> payload,
                           std::size_t payload_max) {
  std::string line(log_name(code));
  if (const auto text = describe_payload(code, payload, payload_max); !text.empty()) {
    line += ' ' + text;
  }
  line += " [" + std::to_string(payload.size()) + (payload.size() == 1 ? " byte" : " bytes");
  return line + (fin ? "]" : ", continued]");
}

std::vector<std::string> describe(const request& head) {
  return describe_head(head.method + ' ' + shown_target(head.target) + " HTTP/1.1", head.headers);
}

std::vector<std::string> describe(const response& head) {
  return describe_head("HTTP/1.1 " + std::to_string(head.status) + ' ' + head.reason, head.headers);
}

// --- of a connection

void connection::set_trace(trace to, std::size_t payload_max) {
  trace_ = to ? std::make_unique<const tracing>(tracing{std::move(to), payload_max}) : nullptr;
  if (trace_) trace_line("= connection is " + std::string(to_string(state_)));
}

void connection::trace_line(const std::string& line) const noexcept try {
  trace_->to(line);
} catch (...) {  // a log that fails must not harm what it is about
}

void connection::trace_frame(char mark, opcode code, bool fin,
                             std::span<const std::byte> payload) const noexcept try {
  trace_line(std::string{mark, ' '} + describe_frame(code, fin, payload, trace_->payload_max));
} catch (...) {  // no memory for a line: it is left out
}

void connection::set_state(protocol::state to) noexcept {
  if (to == state_) return;
  state_ = to;
  if (!trace_) return;
  try {
    trace_line("= connection is " + std::string(to_string(state_)));
  } catch (...) {  // as above
  }
}

}  // namespace duplex::protocol
