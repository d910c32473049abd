// The public face of a connection and its awaited operations.
#include <array>
#include <duplex/connection.hpp>
#include <exception>
#include <utility>

#include "api/connection_impl.hpp"

namespace duplex {

connection::connection(std::shared_ptr<detail::connection_impl> impl) noexcept
    : impl_(std::move(impl)), exceptions_(std::uncaught_exceptions()) {}

connection::connection(connection&&) noexcept = default;

connection& connection::operator=(connection&& other) noexcept {
  if (this != &other) {
    if (impl_) impl_->let_go(false);
    impl_ = std::move(other.impl_);
    exceptions_ = other.exceptions_;
  }
  return *this;
}

connection::~connection() {
  if (impl_) impl_->let_go(std::uncaught_exceptions() > exceptions_);
}

task<duration> connection::ping(limit limit) {
  // Unpredictable, so that a pong proves that the peer has read the ping.
  std::array<std::byte, 4> data;
  protocol::system_random()(data.data(), data.size());
  return ping(data, std::move(limit));
}

task<duration> connection::ping(std::span<const std::byte> data, limit limit) {
  return detail::connection_impl::ping(impl_, buffer(data), std::move(limit));
}

void connection::pong(std::span<const std::byte> data) { impl_->pong(data); }

task<> connection::close(std::uint16_t code, std::string_view reason) {
  return detail::connection_impl::close(impl_, code, std::string(reason));
}

task<> connection::wait_closed(limit limit) {
  return detail::connection_impl::wait_closed(impl_, std::move(limit));
}

void connection::abort() { impl_->abort(); }
std::stop_token connection::stop_token() { return impl_->stop_token(); }
const std::string& connection::id() const { return impl_->id(); }
address connection::local_address() const { return impl_->local_address(); }
address connection::remote_address() const { return impl_->remote_address(); }
protocol::state connection::state() const { return impl_->core().state(); }
const duplex::request& connection::request() const { return impl_->handshake().request; }
const duplex::response& connection::response() const { return impl_->handshake().response; }
const std::optional<std::string>& connection::subprotocol() const {
  return impl_->handshake().subprotocol;
}
std::optional<duration> connection::latency() const { return impl_->core().latency(); }
std::optional<std::uint16_t> connection::close_code() const { return impl_->core().close_code(); }
std::string_view connection::close_reason() const { return impl_->core().close_reason(); }
std::size_t connection::buffered_amount() const { return impl_->core().buffered_amount(); }

namespace detail {

receive_wait::receive_wait(connection_impl& impl, limit limit)
    : impl_(impl), waiter_(impl.executor()), limit_(std::move(limit)) {}

receive_wait::~receive_wait() {
  if (waiting_) impl_.set_receiver(nullptr);
}

bool receive_wait::await_ready() { return impl_.begin_receive(); }

void receive_wait::await_suspend(std::coroutine_handle<> coroutine) {
  kept_ = impl_.shared_from_this();
  impl_.set_receiver(&waiter_);
  waiting_ = true;
  waiter_.suspend(coroutine, limit_);
}

void receive_wait::finish() {
  if (std::exchange(waiting_, false)) impl_.set_receiver(nullptr);
  if (!impl_.can_receive()) waiter_.throw_if_limited("receiving");
}

message recv_operation::await_resume() {
  finish();
  if (auto message = impl_.take()) return std::move(*message);
  impl_.throw_closed();
}

std::optional<message> next_operation::await_resume() {
  finish();
  auto message = impl_.take();
  if (!message && !impl_.closed_ok()) impl_.throw_closed();
  return message;
}

send_operation::send_operation(connection_impl& impl, payload payload, send_options options,
                               limit limit)
    : impl_(impl),
      waiter_(impl.executor()),
      payload_(payload),
      limit_(std::move(limit)),
      options_(options) {}

bool send_operation::await_ready() {
  queued_ = impl_.send(payload_, options_);
  return queued_ ? !impl_.must_wait_to_send() : impl_.ended();
}

void send_operation::await_suspend(std::coroutine_handle<> coroutine) {
  kept_ = impl_.shared_from_this();
  waiter_.suspend_in(queued_ ? impl_.senders() : impl_.closing(), coroutine, limit_);
}

void send_operation::await_resume() {
  if (impl_.ended()) impl_.throw_closed();
  if (!queued_ || impl_.must_wait_to_send()) waiter_.throw_if_limited("sending");
}

}  // namespace detail
}  // namespace duplex
