#include "probe/conversation.hpp"

#include <algorithm>
#include <array>
#include <duplex/buffer.hpp>
#include <duplex/close_code.hpp>
#include <duplex/protocol/frame.hpp>
#include <duplex/protocol/utf8.hpp>

#include "escape.hpp"

namespace duplex::probe {
namespace {

constexpr std::size_t shown_max = 40;

std::string name_of(unsigned code) {
  const auto name = protocol::to_string(static_cast<protocol::opcode>(code));
  return name.empty() ? "opcode " + std::to_string(code) : std::string(name);
}

std::string quoted(std::string_view payload, std::size_t most = shown_max) {
  return "\"" + cli::escaped(payload, most) + "\"";
}

}  // namespace

// --- what is said

said says_text(std::string_view payload) { return {text_code, std::string(payload)}; }
said says_binary(std::string_view payload) { return {binary_code, std::string(payload)}; }
said says_pong(std::string_view payload) { return {pong_code, std::string(payload)}; }

std::uint16_t code_of(const said& close) {
  if (close.payload.size() < 2) return 1005;
  return static_cast<std::uint16_t>(static_cast<unsigned char>(close.payload[0]) << 8 |
                                    static_cast<unsigned char>(close.payload[1]));
}

std::string describe(const said& said) {
  if (said.code != close_code) return name_of(said.code) + " " + quoted(said.payload);
  if (said.payload.empty()) return "close without a code";
  std::string result = "close " + std::to_string(code_of(said));
  if (said.payload.size() > 2) {
    const auto reason = std::string_view(said.payload).substr(2);
    result += " " + quoted(reason, reason.size());
  }
  return result;
}

// --- opening

conversation::conversation(const target& target, time_point deadline, std::string_view extensions)
    : peer_(&own_peer_.emplace(target, deadline)), deadline_(deadline) {
  request_lines request = right_request(target);
  if (!extensions.empty()) {
    request.headers.push_back("Sec-WebSocket-Extensions: " + std::string(extensions));
  }
  peer_->write(request.bytes(), deadline);
  response_ = read_answer(*peer_, deadline);
  if (response_.status != 101) {
    throw no_conversation("a right handshake was answered by " + describe(response_));
  }
  if (const auto problem = check_upgrade(response_, request)) {
    throw no_conversation("a right handshake was answered by " + problem->what);
  }
}

// --- out

void conversation::send(std::string_view bytes, std::size_t chop) {
  if (chop == 0) chop = bytes.size();
  for (bool taken = true; taken && !bytes.empty();) {
    taken = peer_->write(bytes.substr(0, chop), deadline_);
    bytes.remove_prefix(std::min(chop, bytes.size()));
  }
}

// --- in

std::optional<said> conversation::next(time_point until) {
  while (!broken_) {
    auto received = next_frame(until);
    if (!received) break;
    if (auto result = receive(std::move(*received))) return result;
  }
  return std::nullopt;
}

void conversation::violate(std::string what, std::string section) {
  if (!violation_) violation_ = breach{std::move(what), std::move(section)};
}

// The next frame, unmasked; nullopt where it does not come or makes no sense.
std::optional<frame> conversation::next_frame(time_point until) {
  for (;;) {
    const std::string_view input = peer_->input();
    std::array<std::byte, protocol::frame_header_size_max> head = {};
    const std::size_t head_size = std::min(input.size(), head.size());
    std::copy_n(as_bytes(input).begin(), head_size, head.begin());
    const bool compressed = decode_ && (head[0] & std::byte{rsv1}) != std::byte{0};
    if (compressed) head[0] &= ~std::byte{rsv1};
    // A server that masks is told so, and understood.
    const bool masked = head_size > 1 && (head[1] & std::byte{0x80}) != std::byte{0};
    const auto parsed = protocol::parse_frame_header(
        std::span(head).first(head_size), masked ? protocol::side::client : protocol::side::server);
    if (masked) violate("a frame that is masked", "RFC 6455 5.1");
    if (!parsed.problem.empty()) {
      violate("a frame that is no frame: " + parsed.problem, "RFC 6455 5.2");
      broken_ = true;
      return std::nullopt;
    }
    const auto& header = parsed.header;
    if (parsed.size != 0 && input.size() - parsed.size >= header.length) {
      frame result{.code = static_cast<unsigned>(header.opcode),
                   .payload = std::string(input.substr(parsed.size, header.length)),
                   .fin = header.fin,
                   .reserved = compressed ? rsv1 : 0};
      if (header.mask) {
        auto* const payload = reinterpret_cast<std::byte*>(result.payload.data());
        protocol::apply_mask(payload, payload, result.payload.size(), *header.mask);
      }
      peer_->consume(parsed.size + result.payload.size());
      return result;
    }
    last_ = peer_->read(until);
    if (last_ != peer::outcome::data) return std::nullopt;
  }
}

// What a frame says, if it says something by itself.
std::optional<said> conversation::receive(frame received) {
  if (received.code == ping_code) {
    send(pong(received.payload));
    return std::nullopt;
  }
  if (received.code >= close_code) {
    if (received.reserved != 0) violate("a control frame with RSV1", "RFC 7692 6");
    return said{received.code, std::move(received.payload)};
  }
  if ((received.code == continuation_code) != in_message_) {
    violate(in_message_ ? "a new message inside a fragmented one" : "a continuation of nothing",
            "RFC 6455 5.4");
    broken_ = true;
    return std::nullopt;
  }
  if (!in_message_) {
    in_message_ = true;
    compressed_ = received.reserved != 0;
    message_ = {received.code, {}};
  } else if (received.reserved != 0) {
    violate("a continuation with RSV1", "RFC 7692 6");
  }
  message_.payload += received.payload;
  if (!received.fin) return std::nullopt;
  return finish_message();
}

std::optional<said> conversation::finish_message() {
  in_message_ = false;
  if (compressed_) {
    try {
      message_.payload = decode_(message_.payload);
    } catch (const std::runtime_error& problem) {
      violate(problem.what(), "RFC 7692 7.2.2");
      broken_ = true;
      return std::nullopt;
    }
  }
  if (message_.code == text_code && !protocol::is_utf8(as_bytes(message_.payload))) {
    violate("text that is not UTF-8", "RFC 6455 5.6");
  }
  return std::move(message_);
}

std::string conversation::ending() const {
  if (broken_) return "nonsense";
  switch (last_) {
    case peer::outcome::end:
      return "the end of the connection";
    case peer::outcome::reset:
      return "a reset of the connection";
    case peer::outcome::flood:
      return "bytes without end";
    default:
      return "nothing more in time";
  }
}

}  // namespace duplex::probe
