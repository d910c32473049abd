// Messages of a blocking connection sent and received in fragments.
#include <stdexcept>
#include <system_error>
#include <thread>
#include <utility>

#include <duplex/error.hpp>
#include <duplex/sync/client.hpp>

#include "sync/blocking_connection.hpp"
#include "sync/call.hpp"

namespace duplex::sync {

// --- sending

void blocking_connection::send_fragment(fragmented_message& message, const payload& fragment,
                                        const limit& limit) {
  auto type = fragment.type();
  if (message.options_.text) {
    type = *message.options_.text ? message::type::text : message::type::binary;
  }
  if (message.type_ && *message.type_ != type) {
    throw std::invalid_argument("the fragments of a message must all be text, or all binary");
  }
  if (type == message::type::text && !message.text_.receive(fragment.bytes())) {
    throw std::invalid_argument("a text message must be valid UTF-8");
  }
  call current(*this);
  if (fragmented_ != &message) wait_for_turn(current, limit);
  require_open(current, limit);
  core_.send_fragment(type, fragment.bytes(), false, message.options_.compress);
  fragmented_ = &message;
  fragmented_by_ = std::this_thread::get_id();
  message.type_ = type;
  settle();
  wait_for_room(current, limit);
}

void blocking_connection::finish_fragments(fragmented_message& message, const limit& limit) {
  if (!message.type_) return;  // there were none
  if (*message.type_ == message::type::text && !message.text_.complete()) {
    throw std::invalid_argument("a text message must be valid UTF-8");
  }
  call current(*this);
  require_open(current, limit);
  core_.send_fragment(*message.type_, {}, true);
  fragmented_ = nullptr;
  notify();
  settle();
  wait_for_room(current, limit);
}

void blocking_connection::give_up(const fragmented_message& message) noexcept {
  const call current(*this);
  if (fragmented_ != &message) return;
  fragmented_ = nullptr;
  notify();
  try {
    core_.send_close(1011, "a message could not be finished", clock::now());
    settle();
  } catch (...) {  // no memory for a farewell
    broken_ = true;
    transport_->shut_down();
  }
}

// Until no other thread is between the first fragment of a message and its last. A thread that is
// would wait for itself: the core refuses what else it sends.
void blocking_connection::wait_for_turn(call& current, const limit& limit) {
  const auto is_free = [this] {
    return fragmented_ == nullptr || fragmented_by_ == std::this_thread::get_id() || ended_;
  };
  if (is_free()) return;
  const holding sleeper(sleepers_);
  const auto& token = limit.token();
  if (limit.deadline()) {
    changed_.wait_until(current.lock(), token, *limit.deadline(), is_free);
  } else {
    changed_.wait(current.lock(), token, is_free);
  }
  if (is_free()) return;
  if (!token.stop_requested()) throw timeout("sending timed out");
  throw std::system_error(std::make_error_code(std::errc::operation_canceled), "sending");
}

fragmented_message::~fragmented_message() { impl_.give_up(*this); }

void fragmented_message::send(payload fragment, const limit& limit) {
  impl_.send_fragment(*this, fragment, limit);
}

void fragmented_message::finish(const limit& limit) { impl_.finish_fragments(*this, limit); }

// --- receiving

message::type blocking_connection::begin_stream(const limit& limit) {
  call current(*this);
  refuse_second_receiver();
  whole_wanted_ = false;
  if (!fragments_) {
    fragments_.emplace(read_limit_);
    core_.receive_fragments();
    while (!inbox_.empty()) fragments_->add(inbox_.pop(), true, false);
    read_on();
  }
  wait_for_fragment(current, limit);
  return fragments_->begin();
}

std::optional<message> blocking_connection::next_of_stream(bool& ended, const limit& limit) {
  call current(*this);
  if (receivers_ != 0) refuse_second_receiver();
  wait_for_fragment(current, limit);
  auto fragment = fragments_->take();
  ended = !fragments_->taken();
  read_on();
  return fragment;
}

void blocking_connection::wait_for_fragment(call& current, const limit& limit) {
  const holding receiver(receivers_);
  const auto is_there = [this] { return !fragments_->empty() || ended_; };
  wait(current, limit, "receiving", is_there, parse_to::first_message);
  if (fragments_->empty()) throw_closed();
}

void blocking_connection::skip_stream() noexcept {
  const call current(*this);
  fragments_->skip();
  try {
    read_on();
  } catch (...) {  // no memory: the next call finds the connection broken
    broken_ = true;
    transport_->shut_down();
  }
}

// From now on messages are whole. One that is being skipped is skipped to its end first, and where
// something was cut off nothing follows.
void blocking_connection::end_streaming() {
  whole_wanted_ = true;
  if (fragments_->skipping()) return;
  buffer begun = fragments_->move_to(inbox_);
  if (fragments_->cut()) return;
  whole_wanted_ = false;
  fragments_.reset();
  core_.receive_whole(std::move(begun));
}

message_stream::message_stream(message_stream&& other) noexcept
    : impl_(std::exchange(other.impl_, nullptr)), type_(other.type_) {}

message_stream& message_stream::operator=(message_stream&& other) noexcept {
  if (this != &other) {
    if (impl_) impl_->skip_stream();
    impl_ = std::exchange(other.impl_, nullptr);
    type_ = other.type_;
  }
  return *this;
}

message_stream::~message_stream() {
  if (impl_) impl_->skip_stream();
}

std::optional<message> message_stream::next(limit limit) {
  if (!impl_) return std::nullopt;
  bool ended = false;
  auto fragment = impl_->next_of_stream(ended, limit);
  if (ended) impl_ = nullptr;
  return fragment;
}

}  // namespace duplex::sync
