// What a connection makes of the bytes that come: headers, payloads, messages, control frames.
#include <algorithm>
#include <cassert>
#include <cstring>

#include <duplex/protocol/connection.hpp>

namespace duplex::protocol {
namespace {

// A payload with less than this to come is better read together with what follows it.
constexpr std::size_t direct_read_min = 64 * 1024;

// What is decoded at once of a payload that has to be unmasked first.
constexpr std::size_t decode_max = 16 * 1024;

// Where messages are told in parts: when one is large enough, and what is decoded at once, which
// may become a thousand times as much.
constexpr std::size_t fragment_size = 64 * 1024;
constexpr std::size_t fragment_decode_max = 1024;

// The bytes at the end of an incomplete text that are no whole character.
std::size_t incomplete_tail(std::span<const std::byte> text) {
  std::size_t count = 1;
  while ((std::to_integer<unsigned>(text[text.size() - count]) & 0xC0) == 0x80) ++count;
  return count;
}

std::string invalid_utf8_at(std::uint64_t position) {
  return "invalid UTF-8 at position " + std::to_string(position);
}

}  // namespace

// --- bytes in

void connection::receive_data(std::span<const std::byte> bytes, time_point now) {
  if (bytes.empty() || eof_) return;
  bytes_received_ += bytes.size();
  heard_from_peer(now);
  if (discarding_) return;
  if (input_.empty()) {
    held_.release();  // used up, or hold_input would take the new bytes for held ones
    input_ = bytes;
    return;
  }
  hold_input();
  const std::size_t left = input_.size();
  held_.append(bytes);
  input_ = held_.bytes().last(left + bytes.size());
}

void connection::drop() noexcept {
  eof_ = true;
  set_state(state::closed);
  discard_input();
}

void connection::hold_input() {
  // Bytes held already stay where they are until most of the block is used up.
  if (input_.empty() || (!held_.empty() && input_.size() >= held_.size() / 2)) return;
  buffer left(input_);
  held_ = std::move(left);
  input_ = held_.bytes();
}

std::span<std::byte> connection::direct_read_space() {
  if (!in_frame_ || is_control(frame_.opcode) || decoding_ || !input_.empty() || discarding_ ||
      eof_ || in_parts_ || payload_left_ < direct_read_min) {
    return {};
  }
  // Grows with what came, not with what the peer says will come.
  if (message_.capacity() - message_.size() < direct_read_min) {
    const std::size_t wanted = std::max(2 * message_.size(), 2 * direct_read_min);
    message_.reserve(
        static_cast<std::size_t>(std::min<std::uint64_t>(wanted, message_.size() + payload_left_)));
  }
  const std::size_t spare = message_.capacity() - message_.size();
  return {message_.data() + message_.size(),
          static_cast<std::size_t>(std::min<std::uint64_t>(spare, payload_left_))};
}

void connection::receive_direct(std::size_t count, time_point now) {
  assert(in_frame_ && count <= payload_left_ && count <= message_.capacity() - message_.size());
  if (count == 0) return;
  bytes_received_ += count;
  heard_from_peer(now);
  std::byte* const bytes = message_.extend(count);
  if (frame_.mask) {
    apply_mask(bytes, bytes, count, *frame_.mask,
               static_cast<std::size_t>(frame_.length - payload_left_));
  }
  receive_payload(count);
}

void connection::receive_eof() {
  eof_ = true;
  if (input_.empty()) set_state(state::closed);
}

// --- parsing

std::optional<event> connection::next_event() {
  if (std::optional<message> whole; next_whole_message(whole)) {
    return event{.kind = event::type::message, .payload = std::move(*whole)};
  }
  try {
    while (!discarding_ && !fragment_is_full()) {
      if (!in_frame_ && !read_header()) break;
      if (!read_payload()) break;
      in_frame_ = false;
      if (trace_) trace_frame('<', frame_.opcode, frame_.fin, received_payload());
      std::optional<event> result = is_control(frame_.opcode) ? finish_control() : finish_message();
      if (result) return result;
    }
    if (in_parts_ && in_message_ && !discarding_) {
      if (auto fragment = take_fragment(false)) return fragment;
    }
  } catch (...) {  // a part is lost: without it what follows means nothing
    drop();
    throw;
  }
  return finish_input();
}

// What is anything else, or not right, is left for the general case to see from its start.
bool connection::next_whole_message(std::optional<message>& to) {
  constexpr unsigned final_text = 0x81, final_binary = 0x82;
  if (in_frame_ || in_message_ || header_count_ != 0 || input_.size() < 2) return false;
  const auto byte = [&](std::size_t at) { return std::to_integer<unsigned>(input_[at]); };
  const bool masked = side_ == side::server, text = byte(0) == final_text;
  if ((!text && byte(0) != final_binary) || (byte(1) >> 7 != 0) != masked) return false;
  std::size_t length = byte(1) & 0x7F, header_size = masked ? 6 : 2;
  if (length > 125) {
    if (length == 127 || input_.size() < 4) return false;
    length = byte(2) << 8 | byte(3);
    header_size += 2;
    if (length <= 125) return false;
  }
  if (input_.size() < header_size + length ||
      (settings_.max_size && length > *settings_.max_size) ||
      (settings_.max_frame_size && length > *settings_.max_frame_size)) {
    return false;
  }
  buffer payload(length);
  const std::byte* const from = input_.data() + header_size;
  if (masked) {
    mask_key key;
    std::memcpy(key.data(), from - key.size(), key.size());
    apply_mask(payload.data(), from, length, key);
  } else if (length != 0) {
    std::memcpy(payload.data(), from, length);
  }
  if (text && !is_utf8(payload.bytes())) return false;
  input_ = input_.subspan(header_size + length);
  if (trace_) trace_frame('<', text ? opcode::text : opcode::binary, true, payload.bytes());
  ++messages_received_;
  to.emplace(text ? message::type::text : message::type::binary, std::move(payload));
  return true;
}

// False where the header is incomplete or wrong, as in the functions below.
bool connection::read_header() {
  if (input_.empty()) return false;
  std::span<const std::byte> bytes = input_;
  if (header_count_ != 0) {
    const std::size_t count = std::min(header_bytes_.size() - header_count_, input_.size());
    std::copy_n(input_.begin(), count, header_bytes_.begin() + header_count_);
    bytes = std::span(header_bytes_).first(header_count_ + count);
  }
  const frame_header_result result =
      parse_frame_header(bytes, peer_of(side_), extensions_ ? extensions_->bits() : 0);
  if (!result.problem.empty()) {
    fail(close_code::protocol_error, result.problem);
    return false;
  }
  if (result.size == 0) {
    if (header_count_ == 0) std::copy(bytes.begin(), bytes.end(), header_bytes_.begin());
    header_count_ = static_cast<unsigned char>(bytes.size());
    input_ = {};
    return false;
  }
  input_ = input_.subspan(result.size - header_count_);
  header_count_ = 0;
  return begin_frame(result.header);
}

bool connection::begin_frame(const frame_header& header) {
  frame_ = header;
  payload_left_ = header.length;
  in_frame_ = true;
  if (is_control(header.opcode)) return true;
  frame_start_ = message_.size();
  if (header.opcode == opcode::continuation) {
    if (!in_message_) {
      fail(close_code::protocol_error, "unexpected continuation frame");
      return false;
    }
  } else {
    if (in_message_) {
      fail(close_code::protocol_error, "expected a continuation frame, not a " +
                                           std::string(to_string(header.opcode)) + " frame");
      return false;
    }
    in_message_ = true;
    fragments_ = 0;
    message_type_ = header.opcode == opcode::text ? message::type::text : message::type::binary;
    text_ = {};
    decoding_ = header.reserved_bits != 0;
    if (decoding_) extensions_->begin_decoding(header.reserved_bits);
  }
  ++fragments_;
  if (settings_.max_fragments && fragments_ > *settings_.max_fragments) {
    fail(close_code::policy_violation, "message of " + std::to_string(fragments_) +
                                           " fragments exceeds limit of " +
                                           std::to_string(*settings_.max_fragments) + " fragments");
    return false;
  }
  if (settings_.max_frame_size && header.length > *settings_.max_frame_size) {
    fail(close_code::message_too_big, "frame of " + std::to_string(header.length) +
                                          " bytes exceeds limit of " +
                                          std::to_string(*settings_.max_frame_size) + " bytes");
    return false;
  }
  if (!decoding_ && !in_parts_ && settings_.max_size &&
      header.length > *settings_.max_size - message_.size()) {
    fail(close_code::message_too_big,
         "message of " + std::to_string(message_.size() + header.length) +
             " bytes exceeds limit of " + std::to_string(*settings_.max_size) + " bytes");
    return false;
  }
  return true;
}

bool connection::read_payload() {
  if (decoding_ && !is_control(frame_.opcode)) return read_encoded_payload();
  const auto count =
      static_cast<std::size_t>(std::min<std::uint64_t>(payload_left_, input_.size()));
  if (count != 0) {
    buffer& to = is_control(frame_.opcode) ? control_ : message_;
    std::byte* const place = to.extend(count);
    if (frame_.mask) {
      apply_mask(place, input_.data(), count, *frame_.mask,
                 static_cast<std::size_t>(frame_.length - payload_left_));
    } else {
      std::memcpy(place, input_.data(), count);
    }
    input_ = input_.subspan(count);
    if (!receive_payload(count)) return false;
  }
  return payload_left_ == 0;
}

bool connection::read_encoded_payload() {
  const std::uint64_t most = in_parts_ ? fragment_decode_max : decode_max;
  while (payload_left_ != 0 && !input_.empty()) {
    if (fragment_is_full()) return false;
    const auto count =
        static_cast<std::size_t>(std::min({payload_left_, std::uint64_t{input_.size()}, most}));
    std::span<const std::byte> bytes = input_.first(count);
    input_ = input_.subspan(count);
    std::array<std::byte, decode_max> unmasked;
    if (frame_.mask) {
      apply_mask(unmasked.data(), bytes.data(), count, *frame_.mask,
                 static_cast<std::size_t>(frame_.length - payload_left_));
      bytes = std::span(unmasked).first(count);
    }
    payload_left_ -= count;
    if (!decode(bytes, frame_.fin && payload_left_ == 0)) return false;
  }
  if (frame_.fin && frame_.length == 0) return decode({}, true);
  return payload_left_ == 0;
}

// What the next bytes of a message stand for goes to its end.
bool connection::decode(std::span<const std::byte> bytes, bool last) {
  const std::size_t before = message_.size();
  const std::size_t room = settings_.max_size && !in_parts_ ? *settings_.max_size - before
                                                            : static_cast<std::size_t>(-1);
  auto problem = extensions_->decode(bytes, last, message_, room);
  const std::size_t count = message_.size() - before;
  received_.payload += count;
  received_.compressed += bytes.size();
  // What came out counts before what is wrong behind it, as it would had that come later.
  if (!check_text(message_.bytes().subspan(before, std::min(count, room)))) return false;
  if (problem) {
    fail(problem->code, std::move(problem->reason));
    return false;
  }
  if (count > room) {
    fail(close_code::message_too_big, "message of at least " + std::to_string(message_.size()) +
                                          " bytes exceeds limit of " +
                                          std::to_string(*settings_.max_size) + " bytes");
    return false;
  }
  return true;
}

// Of the frame that has come whole; of a data frame what it stands for.
std::span<const std::byte> connection::received_payload() const {
  return is_control(frame_.opcode) ? control_.bytes() : message_.bytes().subspan(frame_start_);
}

// The last `count` bytes of the frame's payload have come and stand unmasked where they belong.
bool connection::receive_payload(std::size_t count) {
  payload_left_ -= count;
  return is_control(frame_.opcode) || check_text(message_.bytes().last(count));
}

// The next bytes of a message, if it is a text.
bool connection::check_text(std::span<const std::byte> bytes) {
  if (message_type_ != message::type::text || text_.receive(bytes)) return true;
  fail(close_code::invalid_data, invalid_utf8_at(text_.position()));
  return false;
}

std::optional<event> connection::finish_message() {
  if (!frame_.fin) return std::nullopt;
  in_message_ = false;
  if (message_type_ == message::type::text && !text_.complete()) {
    fail(close_code::invalid_data,
         "incomplete UTF-8 at position " + std::to_string(text_.position()));
    return std::nullopt;
  }
  ++messages_received_;
  if (in_parts_) return take_fragment(true);
  return event{.kind = event::type::message, .payload = {message_type_, std::move(message_)}};
}

bool connection::fragment_is_full() const { return in_parts_ && message_.size() >= fragment_size; }

// What has come of the message under way; of a text only whole characters.
std::optional<event> connection::take_fragment(bool last) {
  buffer rest;
  if (message_type_ == message::type::text && !text_.complete() && !message_.empty()) {
    rest.append(message_.bytes().last(incomplete_tail(message_.bytes())));
  }
  message_.truncate(message_.size() - rest.size());
  frame_start_ = 0;  // of what is left of it
  if (message_.empty() && !last) {
    message_ = std::move(rest);
    return std::nullopt;
  }
  event result{
      .kind = event::type::fragment, .last = last, .payload = {message_type_, std::move(message_)}};
  message_ = std::move(rest);
  return result;
}

void connection::receive_fragments() { in_parts_ = true; }

void connection::receive_whole(buffer begun) {
  in_parts_ = false;
  if (!in_message_ || discarding_) return;
  frame_start_ += begun.size();
  begun.append(message_.bytes());
  message_ = std::move(begun);
  const auto size = message_.size() + (decoding_ ? 0 : payload_left_);
  if (!settings_.max_size || size <= *settings_.max_size) return;
  fail(close_code::message_too_big, "message of at least " + std::to_string(size) +
                                        " bytes exceeds limit of " +
                                        std::to_string(*settings_.max_size) + " bytes");
}

std::optional<event> connection::finish_control() {
  switch (frame_.opcode) {
    case opcode::ping:
      return receive_ping();
    case opcode::pong:
      return receive_pong();
    default:
      receive_close();
      return std::nullopt;
  }
}

// Section 5.5.3: "If an endpoint receives a Ping frame and has not yet sent Pong frame(s) in
// response to previous Ping frame(s), the endpoint MAY elect to send a Pong frame for only the
// most recently processed Ping frame."
event connection::receive_ping() {
  if (blocked_) {
    waiting_pong_.emplace(control_.bytes());
  } else {
    write_frame(opcode::pong, true, control_.bytes());
  }
  return {.kind = event::type::ping, .payload = {message::type::binary, std::move(control_)}};
}

event connection::receive_pong() {
  event result{.kind = event::type::pong};
  const auto answered = std::find_if(pings_.begin(), pings_.end(), [&](const ping& each) {
    return std::ranges::equal(each.payload.bytes(), control_.bytes());
  });
  if (answered != pings_.end()) {
    result.ping_id = answered->id;
    latency_ = now_ - answered->sent;
    pings_.erase(pings_.begin(), answered + 1);
  }
  result.payload = {message::type::binary, std::move(control_)};
  return result;
}

void connection::receive_close() {
  const auto payload = control_.bytes();
  close_info info;
  if (payload.size() == 1) {
    return fail(close_code::protocol_error, "close frame with a payload of 1 byte");
  }
  if (payload.size() >= 2) {
    info.code = static_cast<std::uint16_t>(std::to_integer<unsigned>(payload[0]) << 8 |
                                           std::to_integer<unsigned>(payload[1]));
    info.reason = as_text(payload.subspan(2));
    if (!is_sendable_close_code(info.code)) {
      return fail(close_code::protocol_error, "invalid close code " + std::to_string(info.code));
    }
    utf8_validator reason;
    if (!reason.receive(payload.subspan(2)) || !reason.complete()) {
      return fail(close_code::invalid_data,
                  invalid_utf8_at(reason.position()) + " of a close reason");
    }
  }
  close_rcvd_ = info;
  // Section 5.5.1: "If an endpoint receives a Close frame and did not previously send a Close
  // frame, the endpoint MUST send a Close frame in response", which "typically echos the status
  // code it received".
  if (state_ == state::open) {
    rcvd_first_ = true;
    write_close(std::move(info));
  }
  restart_close_timeout();
  discard_input();
}

// The input is used up, or of no use any more.
std::optional<event> connection::finish_input() {
  input_ = {};
  held_.release();
  if (eof_) {
    set_state(state::closed);
    discard_input();
  }
  if (!discarding_ || close_told_) return std::nullopt;
  close_told_ = true;
  return event{.kind = event::type::close};
}

// Section 1.4: "After receiving a control frame indicating the connection should be closed, a peer
// discards any further data received", and 7.1.7 for a connection that failed.
void connection::discard_input() noexcept {
  discarding_ = true;
  input_ = {};
  held_.release();
  message_.release();
  control_.release();
  extensions_.reset();  // nothing can be sent any more either
  silence_deadline_.reset();
}

}  // namespace duplex::protocol
