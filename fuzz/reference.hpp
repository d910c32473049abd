// What RFC 6455 says must come of a whole stream, the obvious way: no state but the stream itself.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "support/protocol.hpp"

namespace duplex::fuzz {

enum class utf8 { whole, cut, bad };

/// Section 8.1. A character that is cut is judged by the values it can still have.
inline utf8 judge_utf8(std::string_view text) {
  while (!text.empty()) {
    const auto lead = static_cast<unsigned char>(text.front());
    const std::size_t size = lead < 0x80                   ? 1
                             : lead < 0xC0 || lead >= 0xF8 ? 0
                             : lead < 0xE0                 ? 2
                             : lead < 0xF0                 ? 3
                                                           : 4;
    if (size == 0) return utf8::bad;
    std::uint32_t least = size == 1 ? lead : lead & (0x7FU >> size), most = least;
    for (std::size_t i = 1; i < size; ++i) {
      const bool here = i < text.size();
      const auto byte = here ? static_cast<unsigned char>(text[i]) : 0U;
      if (here && (byte & 0xC0) != 0x80) return utf8::bad;
      least = least << 6 | (here ? byte & 0x3F : 0);
      most = most << 6 | (here ? byte & 0x3F : 0x3F);
    }
    constexpr std::uint32_t first_of_size[] = {0, 0, 0x80, 0x800, 0x10000};
    if (most < first_of_size[size] || least > 0x10FFFF) return utf8::bad;
    if (least >= 0xD800 && most <= 0xDFFF) return utf8::bad;
    if (size > text.size()) return utf8::cut;
    text.remove_prefix(size);
  }
  return utf8::whole;
}

/// What a peer's stream makes of a connection.
struct expectation {
  std::vector<std::string> events = {};  ///< as test::describe says them
  std::vector<test::wire_frame> answers = {};
  std::optional<close_info> close_rcvd = {};
  std::optional<unsigned> failure = {};  ///< the code the connection fails with
};

/// Reads one frame after the other from the front of a stream.
class reference {
 public:
  reference(protocol::side own, std::optional<std::size_t> max_size, std::string_view stream)
      : own_(own), max_size_(max_size), left_(stream) {
    while (read_frame()) continue;
    if (result_.failure || result_.close_rcvd) result_.events.push_back("close");
  }
  const expectation& result() const { return result_; }

 private:
  unsigned at(std::size_t index) const { return static_cast<unsigned char>(left_[index]); }

  bool fail(unsigned code) {
    result_.failure = code;
    return false;
  }

  bool read_frame() {
    if (left_.size() < 2) return false;
    const bool fin = (at(0) & 0x80) != 0, masked = (at(1) & 0x80) != 0;
    const unsigned opcode = at(0) & 0xF;
    const bool control = opcode >= 8;
    if ((at(0) & 0x70) != 0) return fail(1002);
    if ((opcode > 2 && opcode < 8) || opcode > 10) return fail(1002);
    if (masked != (own_ == protocol::side::server)) return fail(1002);
    std::uint64_t length = at(1) & 0x7F;
    if (control && (!fin || length > 125)) return fail(1002);
    const std::size_t extended = length == 126 ? 2 : length == 127 ? 8 : 0;
    const std::size_t header = 2 + extended + (masked ? 4 : 0);
    if (left_.size() < header) return false;
    if (extended != 0) {
      length = 0;
      for (std::size_t i = 0; i < extended; ++i) length = length << 8 | at(2 + i);
      if (length >> 63 != 0 || length < (extended == 2 ? 126U : 65536U)) return fail(1002);
    }
    std::string key(4, '\0');
    if (masked) key = left_.substr(header - 4, 4);
    left_.remove_prefix(header);
    std::string payload(
        left_.substr(0, static_cast<std::size_t>(std::min<std::uint64_t>(length, left_.size()))));
    left_.remove_prefix(payload.size());
    for (std::size_t i = 0; i < payload.size(); ++i) {
      payload[i] = static_cast<char>(payload[i] ^ key[i % 4]);
    }
    const bool complete = payload.size() == length;
    if (control) return complete && receive_control(opcode, payload);
    return receive_data(opcode, fin, length, payload) && complete;
  }

  bool receive_data(unsigned opcode, bool fin, std::uint64_t length, const std::string& payload) {
    if ((opcode == 0) != message_.has_value()) return fail(1002);
    if (opcode != 0) {
      message_.emplace();
      is_text_ = opcode == 1;
    }
    if (max_size_ && length > *max_size_ - message_->size()) return fail(1009);
    *message_ += payload;
    const bool over = fin && payload.size() == length;
    const utf8 judgement = is_text_ ? judge_utf8(*message_) : utf8::whole;
    if (judgement == utf8::bad || (over && judgement == utf8::cut)) return fail(1007);
    if (over) {
      result_.events.push_back((is_text_ ? "text " : "binary ") + *message_);
      message_.reset();
    }
    return true;
  }

  bool receive_control(unsigned opcode, const std::string& payload) {
    if (opcode == 0x8) return receive_close(payload);
    result_.events.push_back((opcode == 0x9 ? "ping " : "pong ") + payload);
    if (opcode == 0x9) result_.answers.push_back({.opcode = 0xA, .payload = payload});
    return true;
  }

  bool receive_close(const std::string& payload) {
    if (payload.size() == 1) return fail(1002);
    close_info info;
    if (payload.size() >= 2) {
      const auto high = static_cast<unsigned char>(payload[0]);
      info = {static_cast<std::uint16_t>(high << 8 | static_cast<unsigned char>(payload[1])),
              payload.substr(2)};
      const unsigned code = info.code;
      const bool allowed = (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
                           (code >= 3000 && code <= 4999);
      if (!allowed) return fail(1002);
      if (judge_utf8(info.reason) != utf8::whole) return fail(1007);
    }
    result_.close_rcvd = info;
    result_.answers.push_back({.opcode = 0x8, .payload = payload});
    return false;
  }

  protocol::side own_;
  std::optional<std::size_t> max_size_;
  std::string_view left_;
  std::optional<std::string> message_;
  bool is_text_ = false;
  expectation result_;
};

}  // namespace duplex::fuzz
