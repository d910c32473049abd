// What a blocking connection does to its core and its transport, always with the lock, never
// blocking.
#include <duplex/protocol/connection.hpp>

#include "sync/blocking_connection.hpp"

namespace duplex::sync {

// What was read is parsed before more is read. A full inbox stops the one and so the other, unless
// the end has begun.
bool blocking_connection::can_parse() const {
  return unparsed_ && (!is_full() || core_.state() != protocol::state::open || broken_);
}

bool blocking_connection::can_read() const { return !ended_ && !reading_ && !unparsed_; }

std::size_t blocking_connection::bytes_unsent() const {
  return core_.buffered_amount() + (broken_ || ended_ ? 0 : transport_->unsent());
}

void blocking_connection::read_now() {
  const auto space = core_.direct_read_space();
  if (!space.empty()) {
    take_in(transport_->read_some(space), true);
  } else {
    take_in(transport_->read_some({read_space_.get(), read_limit_}), false);
  }
}

void blocking_connection::take_in(transfer read, bool direct) {
  if (ended_ || (read.count == 0 && !read.ended)) return;
  unparsed_ = true;
  if (read.ended) return core_.receive_eof();
  heard_at_ = clock::now();
  if (direct) {
    core_.receive_direct(read.count, heard_at_);
  } else {
    core_.receive_data({read_space_.get(), read.count}, heard_at_);
  }
}

void blocking_connection::parse(parse_to to) {
  if (!can_parse()) return;
  while (can_parse() && (to == parse_to::full_inbox || !has_received())) {
    if (auto event = core_.next_event()) {
      deliver(*event);
    } else {
      unparsed_ = false;
    }
  }
  settle();
}

void blocking_connection::deliver(protocol::event& event) {
  if (event.kind == protocol::event::type::fragment ||
      (event.kind == protocol::event::type::message && fragments_)) {
    const bool closing = core_.state() == protocol::state::closing;
    fragments_->add(std::move(event.payload), event.last, closing);
    if (whole_wanted_ && !fragments_->skipping()) end_streaming();
  } else if (event.kind == protocol::event::type::message) {
    // Once it has started to close, an application that takes nothing loses what is beyond its
    // limits instead of missing the peer's close frame.
    if (inbox_.paused() && core_.state() == protocol::state::closing) return;
    inbox_.push(std::move(event.payload));
  } else if (event.kind == protocol::event::type::pong && event.ping_id) {
    answered_ping_ = *event.ping_id;
    answered_at_ = heard_at_;
  }
  notify();
}

void blocking_connection::write_now() {
  while (bytes_unsent() != 0 && !full_ && !broken_) {
    const auto bytes = core_.data_to_send();
    const auto written = transport_->write_some(bytes);
    if (written.ended) {
      // Perhaps the peer said why before it went: what came is still read, up to its end.
      broken_ = true;
      transport_->shut_down();
    }
    full_ = written.count < bytes[0].size() + bytes[1].size() || transport_->has_output();
    core_.data_sent(written.count);
  }
  while (broken_ && core_.buffered_amount() != 0) core_.data_sent(core_.buffered_amount());
}

void blocking_connection::advance(clock::time_point now) {
  const auto deadline = core_.deadline();
  if (deadline && now >= *deadline) core_.advance(now);
}

// After anything that may have changed the core or the inbox: does what they want.
void blocking_connection::settle() {
  if (ended_) return;
  if (suspended_ != is_full()) {
    suspended_ = is_full();
    core_.suspend_keepalive(suspended_, clock::now());
    wake_after_call_ = true;
  }
  write_now();
  if (core_.wants_abort()) {
    drop();
  } else if (core_.state() == protocol::state::closed) {
    end();
  }
}

void blocking_connection::drop() {
  transport_->shut_down();
  core_.receive_eof();
  while (auto event = core_.next_event()) deliver(*event);
  unparsed_ = false;
  end();
}

void blocking_connection::end() {
  ended_ = true;
  if (users_ == 0) transport_->close();
  notify();
}

}  // namespace duplex::sync
