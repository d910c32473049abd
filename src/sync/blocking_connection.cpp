// The calls of a blocking connection. How they wait is in waiting.cpp, what they do to the core and
// the transport in transfer.cpp.
#include "sync/blocking_connection.hpp"

#include <exception>
#include <stdexcept>
#include <utility>

#include <duplex/error.hpp>
#include <duplex/protocol/utf8.hpp>

#include "base/environment.hpp"
#include "net/sockaddr.hpp"
#include "protocol/option_settings.hpp"
#include "sync/call.hpp"

namespace duplex::sync {
blocking_connection::blocking_connection(std::unique_ptr<sync::transport> transport,
                                         handshake_result handshake,
                                         protocol::extension_list extensions,
                                         std::span<const std::byte> rest,
                                         const detail::client_plan& plan)
    : transport_(std::move(transport)),
      core_(protocol::side::client, plan.core, clock::now()),
      inbox_(plan.inbox->fresh()),
      write_limit_(plan.write_limit),
      read_limit_(plan.read_limit),
      read_space_(std::make_unique_for_overwrite<std::byte[]>(plan.read_limit)),
      heard_at_(clock::now()),
      away_at_(heard_at_ + away_after),
      handshake_(std::move(handshake)),
      local_address_(net::local_address_of(transport_->descriptor())),
      remote_address_(net::remote_address_of(transport_->descriptor())),
      id_(detail::make_uuid()),
      logger_(plan.logger),
      uncaught_exceptions_(std::uncaught_exceptions()),
      service_(service::instance()) {
  core_.set_extensions(std::move(extensions));
  if (logger_->enabled(log_level::debug)) {
    core_.set_trace([this](std::string_view line) { traced_.emplace_back(line); },
                    detail::process_environment().max_log_size);
  }
  if (!rest.empty()) {
    core_.receive_data(rest, heard_at_);
    core_.hold_input();
    unparsed_ = true;
  }
  service_->add(*this);
  write_log(*logger_, log_level::info, "connection open with " + to_string(remote_address_), id_);
}

blocking_connection::~blocking_connection() { service_->remove(*this); }

void blocking_connection::unlock_and_log(std::unique_lock<std::mutex>& lock) noexcept {
  const auto lines = std::exchange(traced_, {});
  lock.unlock();
  for (const auto& line : lines) write_log(*logger_, log_level::debug, line, id_);
}

void blocking_connection::log_end() const noexcept {
  try {
    if (!logger_->enabled(log_level::info)) return;
    const connection_closed end(core_.close_rcvd(), core_.close_sent(), core_.rcvd_then_sent());
    write_log(*logger_, log_level::info,
              "connection closed with " + to_string(remote_address_) + ": " + end.what(), id_);
  } catch (...) {  // no memory for a line
  }
}

// --- receiving

std::optional<message> blocking_connection::receive(call& current, const limit& limit) {
  refuse_second_receiver();
  if (fragments_) end_streaming();
  const holding receiver(receivers_);
  wait(
      current, limit, "receiving", [this] { return !inbox_.empty() || ended_; },
      parse_to::first_message);
  if (inbox_.empty()) return std::nullopt;
  auto received = inbox_.pop();
  read_on();
  return received;
}

void blocking_connection::refuse_second_receiver() const {
  if (receivers_ != 0 || (fragments_ && fragments_->taken())) {
    throw concurrency_error("another thread receives from this connection already");
  }
}

// There may be room for more.
void blocking_connection::read_on() {
  if (!suspended_ || is_full()) return;
  settle();
  notify();
}

message blocking_connection::recv(const limit& limit) {
  call current(*this);
  auto received = receive(current, limit);
  if (!received) throw_closed();
  return std::move(*received);
}

std::optional<message> blocking_connection::next(const limit& limit) {
  call current(*this);
  auto received = receive(current, limit);
  if (received) return received;
  try {
    throw_closed();
  } catch (const connection_closed_ok&) {
    return std::nullopt;
  }
}

// --- sending

void blocking_connection::send(const payload& payload, send_options options, const limit& limit) {
  auto type = payload.type();
  if (options.text) type = *options.text ? message::type::text : message::type::binary;
  if (type == message::type::text && !protocol::is_utf8(payload.bytes())) {
    throw std::invalid_argument("a text message must be valid UTF-8");
  }
  call current(*this);
  wait_for_turn(current, limit);
  require_open(current, limit);
  core_.send(type, payload.bytes(), false, options.compress);
  settle();
  wait_for_room(current, limit);
}

void blocking_connection::wait_for_room(call& current, const limit& limit) {
  if (core_.buffered_amount() > write_limit_.high()) {
    const holding writer(writers_);
    const auto has_room = [this] {
      return core_.buffered_amount() <= write_limit_.low() || ended_;
    };
    wait(current, limit, "sending", has_room, parse_to::full_inbox, wait_for::room);
  }
  if (!broken_ && !ended_) return;
  wait_until_ended(current, limit, "sending");
  throw_closed();
}

duration blocking_connection::ping(std::span<const std::byte> data, const limit& limit) {
  call current(*this);
  require_open(current, limit);
  const auto sent_at = clock::now();
  const auto id = core_.send_ping(data, sent_at);
  settle();
  wait(current, limit, "waiting for a pong", [&] { return answered_ping_ >= id || ended_; });
  if (answered_ping_ < id) throw_closed();
  return answered_at_ - sent_at;
}

void blocking_connection::pong(std::span<const std::byte> data) {
  call current(*this);
  require_open(current, {});
  core_.send_pong(data);
  settle();
}

// Nothing can be sent after the end has begun; which end it is shows when it is over.
void blocking_connection::require_open(call& current, const limit& limit) {
  if (core_.state() == protocol::state::open && !broken_) return;
  wait_until_ended(current, limit, "waiting for the end of the connection");
  throw_closed();
}

// --- ending

void blocking_connection::close(std::uint16_t code, std::string_view reason) {
  call current(*this);
  core_.send_close(code, reason, clock::now());
  settle();
  wait_until_ended(current, {}, "closing");
}

void blocking_connection::abort() {
  const call current(*this);
  if (ended_) return;
  transport_->reset_at_close();
  drop();
}

void blocking_connection::finish() noexcept {
  const bool unwinding = std::uncaught_exceptions() > uncaught_exceptions_;
  try {
    close(unwinding ? 1011 : 1000, {});
  } catch (...) {  // no memory for a farewell; closing the socket must do
  }
}

void blocking_connection::wait_until_ended(call& current, const limit& limit,
                                           std::string_view doing) {
  wait(current, limit, doing, [this] { return ended_; });
}

void blocking_connection::throw_closed() const {
  std::rethrow_exception(
      make_connection_closed(core_.close_rcvd(), core_.close_sent(), core_.rcvd_then_sent()));
}

// --- looking

protocol::state blocking_connection::state() const {
  const std::lock_guard lock(mutex_);
  return core_.state();
}

std::optional<duration> blocking_connection::latency() const {
  const std::lock_guard lock(mutex_);
  return core_.latency();
}

std::optional<std::uint16_t> blocking_connection::close_code() const {
  const std::lock_guard lock(mutex_);
  return core_.close_code();
}

std::string blocking_connection::close_reason() const {
  const std::lock_guard lock(mutex_);
  return std::string(core_.close_reason());
}

connection_stats blocking_connection::stats() const {
  const std::lock_guard lock(mutex_);
  auto result = core_.stats();
  result.bytes_unsent = bytes_unsent();
  result.messages_queued = inbox_.size();
  result.bytes_queued = inbox_.bytes() - inbox_.size() * sizeof(message);
  if (fragments_) {
    result.messages_queued += fragments_->messages();
    result.bytes_queued += fragments_->payload_bytes();
  }
  return result;
}

std::size_t blocking_connection::buffered_amount() const {
  const std::lock_guard lock(mutex_);
  return bytes_unsent();
}

}  // namespace duplex::sync
