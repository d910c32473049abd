// A connection's life: states, sending, time. What comes in is in connection_input.cpp.
#include <duplex/protocol/connection.hpp>

#include <algorithm>
#include <cassert>
#include <cstring>
#include <stdexcept>

#include <duplex/error.hpp>

namespace duplex::protocol {
namespace {

constexpr std::size_t close_reason_max = control_payload_max - 2;

// Below this a copy costs less than what a second piece costs the system call.
constexpr std::size_t lend_min = 4096;

constexpr std::size_t pings_max = 1000;

// How long the last look before giving a silent peer up may take.
constexpr auto last_look = std::chrono::milliseconds(10);

// Cuts a reason to what a close frame can carry, between characters.
void fit_reason(std::string& reason) {
  if (reason.size() <= close_reason_max) return;
  std::size_t end = close_reason_max;
  while (end > 0 && (static_cast<unsigned char>(reason[end]) & 0xC0) == 0x80) --end;
  reason.resize(end);
}

opcode opcode_of(message::type type) {
  return type == message::type::text ? opcode::text : opcode::binary;
}

}  // namespace

connection::connection(protocol::side own_side, connection_settings settings, time_point now,
                       random_source random)
    : settings_(settings), random_(std::move(random)), side_(own_side), now_(now) {
  if (settings_.ping_interval) next_ping_ = now + *settings_.ping_interval;
}

void connection::set_extensions(extension_list extensions) {
  extensions_.reset();
  if (!extensions.empty()) extensions_ = std::make_unique<extension_chain>(std::move(extensions));
}

// --- bytes out

void connection::data_sent(std::size_t count) {
  bytes_sent_ += count;
  const std::size_t flown = std::min(count, in_flight_);
  in_flight_ -= flown;
  progressed_ = progressed_ || (blocked_ && count != 0);
  outbox_.consume(count - flown);
  blocked_ = in_flight_ != 0 || (flown == 0 && !outbox_.empty());
  if (!blocked_ && waiting_pong_) write_waiting_pong();
  if (abort_when_written_ && buffered_amount() == 0) abort_ = true;
}

buffer connection::take_data_to_send() {
  buffer bytes = outbox_.take();
  in_flight_ += bytes.size();
  blocked_ = in_flight_ != 0;
  return bytes;
}

void connection::write_frame(opcode code, bool fin, std::span<const std::byte> payload, bool lend) {
  if (waiting_pong_) write_waiting_pong();
  if (trace_) trace_frame('>', code, fin, payload);
  put_frame(code, fin, payload, lend, 0);
}

// Inline, as a message that is traced by nobody should not pay for a call.
[[gnu::always_inline]] inline void connection::put_frame(opcode code, bool fin,
                                                         std::span<const std::byte> payload,
                                                         bool lend, unsigned char reserved_bits) {
  if (side_ == side::client) return put_masked_frame(code, fin, payload, reserved_bits);
  const frame_header header{
      .opcode = code, .fin = fin, .reserved_bits = reserved_bits, .length = payload.size()};
  const std::size_t header_size = frame_header_size(header);
  if (lend && payload.size() >= lend_min) {
    write_frame_header(outbox_.extend(header_size), header);
    outbox_.lend(payload);
    return;
  }
  std::byte* const to = write_frame_header(outbox_.extend(header_size + payload.size()), header);
  if (!payload.empty()) std::memcpy(to, payload.data(), payload.size());
}

void connection::put_masked_frame(opcode code, bool fin, std::span<const std::byte> payload,
                                  unsigned char reserved_bits) {
  // Section 5.3: "The masking key needs to be unpredictable".
  mask_key key;
  random_(key.data(), key.size());
  const frame_header header{.opcode = code,
                            .fin = fin,
                            .reserved_bits = reserved_bits,
                            .length = payload.size(),
                            .mask = key};
  const std::size_t size = frame_header_size(header) + payload.size();
  std::byte* const to = write_frame_header(outbox_.extend(size), header);
  apply_mask(to, payload.data(), payload.size(), key);
}

void connection::write_waiting_pong() {
  const buffer payload = std::move(*waiting_pong_);
  waiting_pong_.reset();
  write_frame(opcode::pong, true, payload.bytes());
}

void connection::write_close(close_info info) {
  buffer payload;
  if (info.code != static_cast<std::uint16_t>(duplex::close_code::no_status_received)) {
    std::byte* const code = payload.extend(2);
    code[0] = static_cast<std::byte>(info.code >> 8);
    code[1] = static_cast<std::byte>(info.code & 0xFF);
    payload.append(as_bytes(info.reason));
  }
  write_frame(opcode::close, true, payload.bytes());
  close_sent_ = std::move(info);
  set_state(state::closing);
}

// --- saying something

void connection::throw_cannot_send() const {
  if (state_ == state::open) throw invalid_state("a fragmented message is being sent");
  throw invalid_state("connection is " + std::string(to_string(state_)));
}

void connection::send(message::type type, std::span<const std::byte> payload, bool lend,
                      std::optional<bool> compress) {
  if (state_ != state::open || sending_fragments_) throw_cannot_send();
  ++messages_sent_;
  if (extensions_) return write_fragment(type, {.payload = payload, .compress = compress}, lend);
  write_frame(opcode_of(type), true, payload, lend);
}

void connection::send_fragment(message::type type, std::span<const std::byte> payload, bool last,
                               std::optional<bool> compress) {
  require_open();
  write_fragment(type, {payload, !sending_fragments_, last, compress}, false);
  sending_fragments_ = !last;
  messages_sent_ += last;
}

void connection::write_fragment(message::type type, outgoing_fragment fragment, bool lend) {
  const opcode code = fragment.first ? opcode_of(type) : opcode::continuation;
  if (!extensions_) return write_frame(code, fragment.last, fragment.payload, lend);
  try {
    buffer encoded;
    const auto payload = extensions_->encode(fragment, encoded);
    lend = lend && payload.data() == fragment.payload.data();
    if (waiting_pong_) write_waiting_pong();
    if (trace_) trace_frame('>', code, fragment.last, fragment.payload);
    put_frame(code, fragment.last, payload, lend, fragment.first ? extensions_->sent_bits() : 0);
    if (extensions_->sent_bits() != 0) {
      sent_.payload += fragment.payload.size();
      sent_.compressed += payload.size();
    }
  } catch (...) {  // extensions may count on the peer having had what was not sent
    drop();
    throw;
  }
}

std::optional<std::string> connection::sharing_key() const {
  if (side_ == side::client) return std::nullopt;
  if (!extensions_) return std::string();
  auto key = extensions_->sharing_key();
  if (key.empty()) return std::nullopt;
  return key;
}

shared_frame connection::frame_once(message::type type, std::span<const std::byte> payload,
                                    std::optional<bool> compress) {
  require_open();
  assert(side_ == side::server);
  frame_header header{.opcode = opcode_of(type)};
  const auto original = payload;
  buffer encoded;
  if (extensions_) {
    try {
      extensions_->forget_sent();
      payload = extensions_->encode({.payload = payload, .compress = compress}, encoded);
      extensions_->forget_sent();
    } catch (...) {
      drop();
      throw;
    }
    header.reserved_bits = extensions_->sent_bits();
  }
  header.length = payload.size();
  const std::size_t header_size = frame_header_size(header);
  auto bytes = std::make_shared<buffer>(header_size + payload.size());
  write_frame_header(bytes->data(), header);
  std::ranges::copy(payload, bytes->data() + header_size);
  return {std::move(bytes), header.reserved_bits != 0, type, original};
}

void connection::send_shared(const shared_frame& frame) {
  if (state_ != state::open || sending_fragments_) throw_cannot_send();
  if (waiting_pong_) write_waiting_pong();
  if (trace_) trace_frame('>', opcode_of(frame.type), true, frame.payload);
  if (frame.bytes->size() < lend_min) {
    outbox_.append(frame.bytes->bytes());
  } else {
    outbox_.share(frame.bytes);
  }
  ++messages_sent_;
  if (frame.encoded) extensions_->forget_sent();
}

std::uint64_t connection::send_ping(std::span<const std::byte> payload, time_point now) {
  require_open();
  if (payload.size() > control_payload_max) {
    throw std::invalid_argument("ping of " + std::to_string(payload.size()) +
                                " bytes exceeds limit of 125 bytes");
  }
  write_frame(opcode::ping, true, payload);
  // A peer that never answers costs no more than this; a later pong answers what is forgotten.
  if (pings_.size() == pings_max) pings_.erase(pings_.begin());
  pings_.push_back({++last_ping_id_, now, buffer(payload)});
  return last_ping_id_;
}

void connection::send_pong(std::span<const std::byte> payload) {
  require_open();
  if (payload.size() > control_payload_max) {
    throw std::invalid_argument("pong of " + std::to_string(payload.size()) +
                                " bytes exceeds limit of 125 bytes");
  }
  write_frame(opcode::pong, true, payload);
}

void connection::check_close(std::uint16_t code, std::string_view reason) {
  if (!is_sendable_close_code(code)) {
    throw std::invalid_argument("close code " + std::to_string(code) + " may not be sent");
  }
  if (reason.size() > close_reason_max) {
    throw std::invalid_argument("close reason of " + std::to_string(reason.size()) +
                                " bytes exceeds limit of 123 bytes");
  }
  if (!is_utf8(as_bytes(reason))) throw std::invalid_argument("close reason is not UTF-8");
}

void connection::send_close(std::uint16_t code, std::string_view reason, time_point now) {
  check_close(code, reason);
  if (state_ != state::open) return;
  write_close({code, std::string(reason)});
  if (settings_.close_timeout) close_deadline_ = now + *settings_.close_timeout;
}

void connection::fail(duplex::close_code code, std::string reason) {
  if (state_ == state::closed || discarding_) return;
  fit_reason(reason);
  if (trace_) {
    trace_line("! failing the connection: " +
               to_string(close_info{static_cast<std::uint16_t>(code), reason}));
  }
  if (state_ == state::open) write_close({static_cast<std::uint16_t>(code), std::move(reason)});
  restart_close_timeout();
  discard_input();
}

// --- time

// Where no time is known but that of the last call, the timeout starts when the next is told.
void connection::restart_close_timeout() {
  close_timeout_starts_ = settings_.close_timeout.has_value();
  close_deadline_.reset();
}

std::optional<time_point> connection::deadline() const {
  if (abort_ || state_ == state::closed) return std::nullopt;
  if (state_ == state::closing) return close_timeout_starts_ ? now_ : close_deadline_;
  if (next_ping_ && silence_deadline_) return std::min(*next_ping_, *silence_deadline_);
  return next_ping_ ? next_ping_ : silence_deadline_;
}

void connection::advance(time_point now) {
  now_ = now;
  if (state_ == state::closing) {
    if (close_timeout_starts_) {
      close_timeout_starts_ = false;
      close_deadline_ = now + *settings_.close_timeout;
    } else if (close_deadline_ && now >= *close_deadline_) {
      abort_ = true;
    }
  } else if (state_ == state::open) {
    if (silence_deadline_ && now >= *silence_deadline_) {
      if (std::exchange(progressed_, false)) {
        // A full socket took more: the peer's system reads, and the ping may still be on its way.
        last_look_ = false;
        silence_deadline_ = now + *settings_.ping_timeout;
      } else if (last_look_) {
        fail(close_code::internal_error, "keepalive ping timeout");
        abort_when_written_ = true;
        return;
      } else {
        last_look_ = true;
        silence_deadline_ = now + last_look;
      }
    }
    if (next_ping_ && now >= *next_ping_) {
      if (has_stalled(now)) {
        fail(close_code::internal_error, "keepalive timeout: the peer reads nothing");
        abort_ = true;  // nor would it read this
        return;
      }
      send_keepalive(now);
    }
  }
}

// Looked at once a ping: only what stayed full from one look to another has stalled.
bool connection::has_stalled(time_point now) {
  if (!keepalive_suspended_ || !settings_.ping_timeout || !blocked_ ||
      std::exchange(progressed_, false)) {
    stalled_since_.reset();
    return false;
  }
  if (!stalled_since_) stalled_since_ = now;
  return now - *stalled_since_ >= *settings_.ping_interval + *settings_.ping_timeout;
}

void connection::send_keepalive(time_point now) {
  std::array<std::byte, 4> payload;
  random_(payload.data(), payload.size());
  if (trace_) trace_line("% sending a keepalive ping");
  send_ping(payload, now);
  next_ping_ = now + *settings_.ping_interval;
  silent_since_ping_ = true;
  if (settings_.ping_timeout && !silence_deadline_ && !keepalive_suspended_) {
    silence_deadline_ = now + *settings_.ping_timeout;
  }
}

void connection::heard_from_peer(time_point now) {
  now_ = now;
  silent_since_ping_ = false;
  last_look_ = false;
  silence_deadline_.reset();
}

void connection::suspend_keepalive(bool suspended, time_point now) {
  now_ = now;
  if (keepalive_suspended_ == suspended) return;
  keepalive_suspended_ = suspended;
  stalled_since_.reset();
  last_look_ = false;
  silence_deadline_.reset();
  if (!suspended && silent_since_ping_ && settings_.ping_timeout) {
    silence_deadline_ = now + *settings_.ping_timeout;
  }
}

// --- how it stands

// Section 7.1.1: the server closes the TCP connection first.
bool connection::wants_shutdown() const {
  return side_ == side::server && state_ == state::closing && discarding_ && buffered_amount() == 0;
}

std::optional<bool> connection::rcvd_then_sent() const {
  if (!close_rcvd_ || !close_sent_) return std::nullopt;
  return rcvd_first_;
}

connection_stats connection::stats() const {
  return {.bytes_received = bytes_received_,
          .bytes_sent = bytes_sent_,
          .messages_received = messages_received_,
          .messages_sent = messages_sent_,
          .bytes_unsent = buffered_amount(),
          .received = received_,
          .sent = sent_};
}

std::optional<std::uint16_t> connection::close_code() const {
  if (state_ != state::closed) return std::nullopt;
  return close_rcvd_ ? close_rcvd_->code
                     : static_cast<std::uint16_t>(duplex::close_code::abnormal_closure);
}

std::string_view connection::close_reason() const {
  return state_ == state::closed && close_rcvd_ ? std::string_view(close_rcvd_->reason)
                                                : std::string_view();
}

}  // namespace duplex::protocol
