// How bytes, messages, time and the end of a connection go through connection_impl.
#include "api/connection_impl.hpp"

#include <algorithm>
#include <duplex/coro/wait.hpp>
#include <stdexcept>
#include <utility>

#include "api/connection_state.hpp"
#include "base/environment.hpp"
#include "protocol/option_settings.hpp"

namespace duplex::detail {
namespace {

// From this size on a payload is written at once from where it is; smaller ones are copied and
// leave together: measured, a copy of 16 KiB costs less than a system call of its own.
constexpr std::size_t lend_min = 64 * 1024 + 1;

}  // namespace

struct connection_impl::pending_ping {
  explicit pending_ping(connection_impl& impl) noexcept
      : connection(impl), next(std::exchange(impl.pings_, this)) {}
  pending_ping(const pending_ping&) = delete;
  pending_ping& operator=(const pending_ping&) = delete;
  ~pending_ping() {
    auto** link = &connection.pings_;
    while (*link != this) link = &(*link)->next;
    *link = next;
  }

  connection_impl& connection;
  pending_ping* next;
  std::uint64_t id = 0;
  bool answered = false;
  coro::wait_queue waiting;
};

connection_impl::connection_impl(std::unique_ptr<io::stream> stream, protocol::side side,
                                 const protocol::connection_settings& settings, inbox inbox,
                                 water_marks write_limit, std::size_t read_limit)
    : timer(io::loop::current()),
      deferred(io::loop::current()),
      resident(io::loop::current()),
      loop_(io::loop::current()),
      stream_(std::move(stream)),
      core_(side, settings, loop_.now()),
      inbox_(std::move(inbox)),
      write_limit_(write_limit),
      read_limit_(read_limit),
      tls_(stream_->tls()) {}

connection connection_impl::open(std::shared_ptr<connection_impl> impl, duplex::handshake handshake,
                                 std::span<const std::byte> rest) {
  impl->handshake_ = std::move(handshake);
  impl->handshake_.local_address = impl->stream_->local_address();
  impl->handshake_.remote_address = impl->stream_->remote_address();
  impl->stream_->set_events(impl.get());
  impl->core_.receive_data(rest, impl->loop_.now());
  impl->core_.hold_input();
  // What came with the handshake is parsed once whoever opened the connection has had its turn.
  impl->resume_input();
  impl->settle();
  impl->log_open();
  return connection(std::move(impl));
}

// --- bytes in

std::span<std::byte> connection_impl::read_space() {
  try {
    read_space_ = core_.direct_read_space();
    reading_direct_ = !read_space_.empty();
    if (!reading_direct_) read_space_ = loop_.read_buffer(read_limit_).first(read_limit_);
    return read_space_;
  } catch (...) {
    abort();
    return {};
  }
}

void connection_impl::on_data(std::size_t count) {
  guard([&] {
    if (reading_direct_) {
      core_.receive_direct(count, loop_.now());
    } else {
      core_.receive_data(read_space_.first(count), loop_.now());
    }
    process_input();
  });
}

// Of what the loop calls: an exception has nowhere to go.
template <class Function>
void connection_impl::guard(Function function) noexcept {
  try {
    function();
  } catch (...) {
    abort();
  }
}

// A complete message is with whoever waits for it, and the answer queued, before the frame behind
// it is looked at: what a peer did right counts even where its next byte is wrong.
void connection_impl::process_input() {
  const auto self = shared_from_this();  // any coroutine may drop the connection
  parsing_ = true;
  while (auto event = core_.next_event()) {
    deliver(*event);
    loop_.run_ready();
    if (ended_) return;
    if (must_pause()) {
      pause();
      break;
    }
  }
  parsing_ = false;
  if (stepping_) defer();
  flush();
  settle();
}

void connection_impl::process_end() {
  guard([&] {
    eof_ = true;
    core_.receive_eof();
    process_input();
  });
}

void connection_impl::on_eof() { process_end(); }

void connection_impl::on_error(std::error_code) { process_end(); }

bool connection_impl::must_pause() const noexcept {
  return (inbox_.paused() || stream_is_full()) && !eof_ && core_.state() == protocol::state::open;
}

void connection_impl::deliver(protocol::event& event) {
  switch (event.kind) {
    case protocol::event::type::message:
      if (stream_of_message_) return add_to_stream(std::move(event.payload), true);
      // Once it has started to close, an application that takes nothing loses what is beyond its
      // limits instead of missing the peer's close frame.
      if (inbox_.paused() && core_.state() == protocol::state::closing) return;
      inbox_.push(std::move(event.payload));
      if (receiver_) receiver_->wake();
      return;
    case protocol::event::type::pong:
      for (auto* ping = pings_; ping && event.ping_id; ping = ping->next) {
        if (ping->id > *event.ping_id) continue;
        ping->answered = true;
        ping->waiting.wake_all();
      }
      return;
    case protocol::event::type::fragment:
      return add_to_stream(std::move(event.payload), event.last);
    case protocol::event::type::close:  // the end of TCP is to come
    case protocol::event::type::ping:
      return;
  }
}

void connection_impl::pause() {
  core_.hold_input();
  paused_ = true;
  stepping_ = false;
  core_.suspend_keepalive(true, loop_.now());
  stream_->stop_reading();
}

void connection_impl::resume_input() {
  if (std::exchange(paused_, false)) core_.suspend_keepalive(false, loop_.now());
  stepping_ = true;
  defer();
}

// One event of held input; the executor resumes coroutines before it comes back for the next.
void connection_impl::step() {
  auto event = core_.next_event();
  if (!event) {
    stepping_ = false;
    if (core_.state() != protocol::state::closed) stream_->start_reading();
    return;
  }
  deliver(*event);
  if (must_pause()) pause();
  if (stepping_) defer();
}

// --- bytes out

send_state connection_impl::send(const payload& payload, send_options options) {
  const auto type = checked_type(payload, options.text);
  if (core_.state() != protocol::state::open) return send_state::too_late;
  if (fragmented_) {
    hold_back(std::make_shared<outgoing_message>(
        payload, broadcast_options{.text = options.text, .compress = options.compress},
        outgoing_message::recipients::one));
    return must_wait_to_send() ? send_state::must_wait : send_state::done;
  }
  const bool lend = in_flight_ == 0 && payload.bytes().size() >= lend_min;
  try {
    core_.send(type, payload.bytes(), lend, options.compress);
  } catch (...) {
    settle();  // an extension that fails ends the connection
    throw;
  }
  if (!lend && !must_wait_to_send()) {
    flush_soon();
    return send_state::done;
  }
  try {
    flush();  // afterwards what was lent has left, or was copied
    core_.hold_output();
  } catch (...) {  // no memory for the copy: half a frame may have left
    abort();
    throw;
  }
  return must_wait_to_send() ? send_state::must_wait : send_state::done;
}

void connection_impl::run_deferred() {
  const auto self = shared_from_this();  // a logger may drop the connection
  log_trace();
  if (parsing_ || ended_) return;
  guard([&] {
    if (stepping_) step();
    flush();
    settle();
  });
}

void connection_impl::flush() {
  while (stream_ && in_flight_ == 0) {
    const auto bytes = core_.data_to_send();
    const auto total = bytes[0].size() + bytes[1].size();
    if (total == 0) {
      if (!send_held_latest()) break;
      continue;
    }
    const auto written = stream_->try_write(bytes);
    core_.data_sent(written);
    if (written == total) continue;  // a pong may have waited for the room
    auto left = core_.take_data_to_send();
    in_flight_ = left.size();
    stream_->write(std::move(left));
  }
  if (core_.buffered_amount() > write_limit_.low()) return;
  if (fragmented_) return fragment_turn_.wake_all();
  senders_.wake_all();
  send_held_latest();
}

void connection_impl::on_written() {
  guard([&] {
    core_.data_sent(std::exchange(in_flight_, 0));
    flush();
    settle();
  });
}

// --- time and the end

// What a long write has got rid of so far; its last byte is told by on_written.
void connection_impl::tell_progress() {
  if (in_flight_ == 0) return;
  const auto left = std::max(stream_->unsent(), std::size_t{1});
  if (left < in_flight_) core_.data_sent(std::exchange(in_flight_, left) - left);
}

void connection_impl::expired() {
  guard([&] {
    tell_progress();
    core_.advance(loop_.now());
    if (core_.state() == protocol::state::open && (paused_ || stepping_)) {
      flush();
      settle();
    } else {
      process_input();
    }
  });
}

// After anything that may have changed the core: does what it wants of the transport and the clock.
void connection_impl::settle() {
  if (ended_) return;
  if (core_.wants_abort()) {
    stream_->abort();
    return end();
  }
  if (core_.state() == protocol::state::closed) return end();
  if (!shut_down_ && core_.wants_shutdown()) {
    shut_down_ = true;
    stream_->shutdown();
  }
  const auto deadline = core_.deadline();
  if (deadline && (!armed() || *deadline < at())) arm(*deadline);
}

void connection_impl::end() noexcept {
  const auto self = shared_from_this();
  ended_ = true;
  paused_ = stepping_ = parsing_ = false;
  stream_.reset();
  core_.drop();
  disarm();
  if (receiver_) receiver_->wake();
  wake_senders_and_readers();
  closing_.wake_all();
  if (topics_) topics_->leave_all(*this);
  for (auto* ping = pings_; ping; ping = ping->next) ping->waiting.wake_all();
  loop_.release(self);
  log_trace();
  log_end();
  if (stop_source_) stop_source_->request_stop();
}

void connection_impl::start_close(std::uint16_t code, std::string_view reason) {
  if (ended_) return;
  core_.send_close(code, reason, loop_.now());
  if (paused_) resume_input();  // the peer's close frame is behind what the inbox refused
  flush_soon();
}

void connection_impl::abort() noexcept {
  if (ended_) return;
  stream_->abort();
  end();
}

void connection_impl::let_go(bool unwinding) noexcept {
  if (ended_) return;
  try {
    start_close(unwinding ? 1011 : 1000, {});
    loop_.keep(shared_from_this());
  } catch (...) {  // no memory for a farewell
    abort();
  }
}

task<> connection_impl::close(std::shared_ptr<connection_impl> self, std::uint16_t code,
                              std::string reason) {
  self->start_close(code, reason);
  co_await wait_closed(self, {});
}

task<> connection_impl::wait_closed(std::shared_ptr<connection_impl> self, limit limit) {
  while (!self->ended_) {
    coro::wait waiting(self->loop_, self->closing_, limit);
    co_await waiting;
    if (!self->ended_) waiting.throw_if_limited("waiting for the end of the connection");
  }
}

task<duration> connection_impl::ping(std::shared_ptr<connection_impl> self, buffer data,
                                     limit limit) {
  if (self->core_.state() != protocol::state::open) {
    co_await wait_closed(self, limit);
    self->throw_closed();
  }
  auto& loop = self->loop_;
  const auto sent = loop.now();
  pending_ping pending(*self);
  pending.id = self->core_.send_ping(data.bytes(), sent);
  self->flush_soon();
  while (!pending.answered && !self->ended_) {
    coro::wait waiting(loop, pending.waiting, limit);
    co_await waiting;
    if (!pending.answered && !self->ended_) waiting.throw_if_limited("waiting for a pong");
  }
  if (!pending.answered) self->throw_closed();
  co_return loop.now() - sent;
}

void connection_impl::pong(std::span<const std::byte> data) {
  if (core_.state() != protocol::state::open) throw_closed();
  core_.send_pong(data);
  flush_soon();
}

// --- receiving

bool connection_impl::begin_receive(std::optional<message>& to) {
  if (receiver_ || stream_of_message_) {
    refuse_second_receiver();
    end_streaming();
  }
  // A coroutine that asks for more while input is parsed gets it here, without a turn of the queue.
  try {
    while (parsing_ && !can_receive()) {
      if (core_.next_whole_message(to)) return true;
      auto event = core_.next_event();
      if (!event) break;
      deliver(*event);
    }
  } catch (...) {  // no memory for a message: without it what follows means nothing
    abort();
    throw;
  }
  return can_receive();
}

std::optional<message> connection_impl::take() {
  if (inbox_.empty()) return std::nullopt;
  auto result = inbox_.pop();
  if (paused_ && !inbox_.paused()) resume_input();
  return result;
}

bool connection_impl::closed_ok() const {
  auto ok = [](const std::optional<close_info>& info) {
    return info && (info->code == 1000 || info->code == 1001 || info->code == 1005);
  };
  return ok(core_.close_rcvd()) && ok(core_.close_sent());
}

void connection_impl::throw_closed() const {
  const auto &rcvd = core_.close_rcvd(), &sent = core_.close_sent();
  if (closed_ok()) throw connection_closed_ok(rcvd, sent, core_.rcvd_then_sent());
  throw connection_closed_error(rcvd, sent, core_.rcvd_then_sent());
}

std::stop_token connection_impl::stop_token() {
  if (!stop_source_) {
    stop_source_.emplace();
    if (ended_) stop_source_->request_stop();
  }
  return stop_source_->get_token();
}

void connection_impl::set_logger(std::shared_ptr<const logger> logger) {
  logger_ = std::move(logger);
  if (!logger_->enabled(log_level::debug)) return;
  core_.set_trace([this](std::string_view line) { keep_trace(line); },
                  process_environment().max_log_size);
}

// The core is at work, and a logger may do what it likes with this connection: it is told later.
void connection_impl::keep_trace(std::string_view line) noexcept try {
  traced_.emplace_back(line);
  if (!ended_) defer();
} catch (...) {  // no memory for a line
}

void connection_impl::log_trace() noexcept {
  for (const auto& line : std::exchange(traced_, {})) log(log_level::debug, line);
}

connection_stats connection_impl::stats() const {
  auto result = core_.stats();
  result.messages_queued = inbox_.size();
  result.bytes_queued = inbox_.bytes() - inbox_.size() * sizeof(message);
  if (stream_of_message_) {
    result.messages_queued += stream_of_message_->fragments.messages();
    result.bytes_queued += stream_of_message_->fragments.payload_bytes();
  }
  result.bytes_unsent = bytes_unsent();
  return result;
}

std::size_t connection_impl::bytes_unsent() const {
  if (!stream_) return buffered_amount();
  return buffered_amount() - in_flight_ + stream_->unsent();
}

void connection_impl::log(log_level level, std::string_view message) const noexcept {
  try {
    if (logger_ && logger_->enabled(level)) write_log(*logger_, level, message, id());
  } catch (...) {  // no memory for an identifier: then it has none
  }
}

void connection_impl::log_open() const {
  if (!logger_ || !logger_->enabled(log_level::info)) return;
  log(log_level::info, "connection open with " + to_string(handshake_.remote_address));
}

void connection_impl::log_end() const noexcept {
  try {
    if (!logger_ || !logger_->enabled(log_level::info)) return;
    const connection_closed end(core_.close_rcvd(), core_.close_sent(), core_.rcvd_then_sent());
    log(log_level::info,
        "connection closed with " + to_string(handshake_.remote_address) + ": " + end.what());
  } catch (...) {  // no memory for a line
  }
}

const std::string& connection_impl::id() const {
  if (id_.empty()) id_ = make_uuid();
  return id_;
}

}  // namespace duplex::detail
