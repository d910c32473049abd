// Messages sent and received in fragments.
#include <duplex/coro/wait.hpp>
#include <duplex/error.hpp>
#include <stdexcept>
#include <utility>

#include "api/connection_impl.hpp"
#include "api/connection_state.hpp"

namespace duplex {
namespace detail {

connection_impl::~connection_impl() = default;

void connection_impl::wake_senders_and_readers() noexcept {
  senders_.wake_all();
  fragment_turn_.wake_all();
  if (stream_of_message_) stream_of_message_->arrived.wake_all();
}

// --- sending

task<> connection_impl::send_fragment(std::shared_ptr<connection_impl> self,
                                      fragmented_message& message, payload fragment, limit limit) {
  const auto type = message.checked(fragment);
  while (!self->ended_ && self->fragmented_ && self->fragmented_ != &message) {
    coro::wait waiting(self->loop_, self->fragment_turn_, limit);
    co_await waiting;
    if (self->fragmented_ && !self->ended_) waiting.throw_if_limited("sending");
  }
  co_await wait_until_open(self, limit);
  self->fragmented_ = &message;
  message.type_ = type;
  try {
    self->core_.send_fragment(type, fragment.bytes(), false, message.options_.compress);
  } catch (...) {
    self->settle();  // an extension that fails ends the connection
    throw;
  }
  self->flush_soon();
  co_await wait_for_room(self, limit);
}

task<> connection_impl::finish_fragments(std::shared_ptr<connection_impl> self,
                                         fragmented_message& message, limit limit) {
  if (!message.type_) co_return;  // there were none
  if (*message.type_ == message::type::text && !message.text_.complete()) {
    throw std::invalid_argument("a text message must be valid UTF-8");
  }
  co_await wait_until_open(self, limit);
  self->core_.send_fragment(*message.type_, {}, true);
  self->fragmented_ = nullptr;
  self->send_held_back();
  self->fragment_turn_.wake_all();
  self->flush_soon();
  co_await wait_for_room(self, limit);
}

// Throws connection_closed, once it is, where the connection is not open.
task<> connection_impl::wait_until_open(std::shared_ptr<connection_impl> self, limit limit) {
  if (self->core_.state() == protocol::state::open) co_return;
  co_await wait_closed(self, limit);
  self->throw_closed();
}

// What is held back leaves after the message, which must not wait for it.
task<> connection_impl::wait_for_room(std::shared_ptr<connection_impl> self, limit limit) {
  const auto is_full = [&core = self->core_, &marks = self->write_limit_] {
    return core.buffered_amount() > marks.high();
  };
  while (is_full() && !self->ended_) {
    auto& queue = self->fragmented_ ? self->fragment_turn_ : self->senders_;
    coro::wait waiting(self->loop_, queue, limit);
    co_await waiting;
    if (is_full() && !self->ended_) waiting.throw_if_limited("sending");
  }
  if (self->ended_) self->throw_closed();
}

void connection_impl::give_up(const fragmented_message& message) noexcept {
  if (fragmented_ != &message) return;
  fragmented_ = nullptr;
  fragment_turn_.wake_all();
  try {
    start_close(1011, "a message could not be finished");
  } catch (...) {  // no memory for a farewell
    abort();
  }
}

fragmented_message::~fragmented_message() { impl_->give_up(*this); }

task<> fragmented_message::send(payload fragment, limit limit) {
  return connection_impl::send_fragment(impl_, *this, fragment, std::move(limit));
}

task<> fragmented_message::finish(limit limit) {
  return connection_impl::finish_fragments(impl_, *this, std::move(limit));
}

// The type of the message; throws where the fragment does not go with those before.
message::type fragmented_message::checked(const payload& fragment) {
  auto type = fragment.type();
  if (options_.text) type = *options_.text ? message::type::text : message::type::binary;
  if (type_ && *type_ != type) {
    throw std::invalid_argument("the fragments of a message must all be text, or all binary");
  }
  if (type == message::type::text && !text_.receive(fragment.bytes())) {
    throw std::invalid_argument("a text message must be valid UTF-8");
  }
  return type;
}

// --- receiving

bool connection_impl::stream_is_full() const noexcept {
  return stream_of_message_ && stream_of_message_->fragments.full();
}

void connection_impl::add_to_stream(message fragment, bool last) {
  auto& stream = *stream_of_message_;
  stream.fragments.add(std::move(fragment), last, core_.state() == protocol::state::closing);
  if (stream.whole_wanted) {
    if (!stream.fragments.skipping()) end_streaming();
  } else {
    stream.arrived.wake_all();
  }
}

void connection_impl::refuse_second_receiver() const {
  const auto* stream = stream_of_message_.get();
  if (receiver_ || (stream && (stream->fragments.taken() || stream->waiting))) {
    throw concurrency_error("another coroutine receives from this connection already");
  }
}

// From now on the core tells messages in parts; those received before are parts, too.
void connection_impl::begin_streaming() {
  refuse_second_receiver();
  if (stream_of_message_) {
    stream_of_message_->whole_wanted = false;
    return;
  }
  stream_of_message_ = std::make_unique<incoming_stream>(read_limit_);
  core_.receive_fragments();
  while (!inbox_.empty()) add_to_stream(inbox_.pop(), true);
  read_on();
}

// From now on it tells them whole. A message that is being skipped is skipped to its end first, and
// where something was cut off nothing follows.
void connection_impl::end_streaming() {
  auto& stream = *stream_of_message_;
  stream.whole_wanted = true;
  if (stream.fragments.skipping()) return;
  buffer begun = stream.fragments.move_to(inbox_);
  if (stream.fragments.cut()) return;
  stream_of_message_.reset();
  core_.receive_whole(std::move(begun));
  flush_soon();  // it may have failed
  read_on();
}

void connection_impl::read_on() {
  if (paused_ && !must_pause()) resume_input();
}

task<> connection_impl::wait_for_fragment(std::shared_ptr<connection_impl> self, limit limit) {
  auto& stream = *self->stream_of_message_;
  if (stream.waiting) self->refuse_second_receiver();
  struct waiting_mark {
    explicit waiting_mark(bool& mark) noexcept : flag(mark) { flag = true; }
    ~waiting_mark() { flag = false; }
    bool& flag;
  } const mark(stream.waiting);
  while (stream.fragments.empty() && !self->ended_) {
    coro::wait waiting(self->loop_, stream.arrived, limit);
    co_await waiting;
    if (stream.fragments.empty() && !self->ended_) waiting.throw_if_limited("receiving");
  }
  if (stream.fragments.empty()) self->throw_closed();
}

task<message::type> connection_impl::begin_stream(std::shared_ptr<connection_impl> self,
                                                  limit limit) {
  self->begin_streaming();
  co_await wait_for_fragment(self, limit);
  co_return self->stream_of_message_->fragments.begin();
}

task<std::optional<message>> connection_impl::next_of_stream(std::shared_ptr<connection_impl> self,
                                                             limit limit) {
  co_await wait_for_fragment(self, limit);
  auto fragment = self->stream_of_message_->fragments.take();
  self->read_on();
  co_return fragment;
}

bool connection_impl::stream_is_taken() const noexcept {
  return stream_of_message_->fragments.taken();
}

// Nobody wants the rest of the message that someone has begun to receive.
void connection_impl::skip_stream() noexcept {
  stream_of_message_->fragments.skip();
  read_on();
}

}  // namespace detail

// --- the public face

task<message_stream> connection::recv_streaming(limit limit) {
  return begin_stream(impl_, std::move(limit));
}

task<message_stream> connection::begin_stream(std::shared_ptr<detail::connection_impl> impl,
                                              limit limit) {
  const auto type = co_await detail::connection_impl::begin_stream(impl, limit);
  co_return message_stream(std::move(impl), type);
}

message_stream& message_stream::operator=(message_stream&& other) noexcept {
  if (this != &other) {
    if (impl_) impl_->skip_stream();
    impl_ = std::move(other.impl_);
    type_ = other.type_;
  }
  return *this;
}

message_stream::~message_stream() {
  if (impl_) impl_->skip_stream();
}

task<std::optional<message>> message_stream::next(limit limit) {
  return next_of(impl_, *this, std::move(limit));
}

task<std::optional<message>> message_stream::next_of(std::shared_ptr<detail::connection_impl> impl,
                                                     message_stream& stream, limit limit) {
  if (!impl) co_return std::nullopt;
  auto fragment = co_await detail::connection_impl::next_of_stream(impl, limit);
  if (!impl->stream_is_taken()) stream.impl_.reset();
  co_return fragment;
}

}  // namespace duplex
