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
address connection::local_address() const { return impl_->handshake().local_address; }
address connection::remote_address() const { return impl_->handshake().remote_address; }
protocol::state connection::state() const { return impl_->core().state(); }
const duplex::request& connection::request() const { return impl_->handshake().request; }
const duplex::response& connection::response() const { return impl_->handshake().response; }
const tls_info* connection::tls() const { return impl_->tls(); }
const std::optional<std::string>& connection::subprotocol() const {
  return impl_->handshake().subprotocol;
}
const std::optional<std::string>& connection::username() const {
  return impl_->handshake().username;
}
const std::map<std::string, std::string>& connection::parameters() const {
  return impl_->handshake().parameters;
}
const connection_data& connection::stored_data() const { return impl_->handshake().data; }
std::optional<duration> connection::latency() const { return impl_->core().latency(); }
std::optional<std::uint16_t> connection::close_code() const { return impl_->core().close_code(); }
std::string_view connection::close_reason() const { return impl_->core().close_reason(); }
std::size_t connection::buffered_amount() const { return impl_->bytes_unsent(); }
connection_stats connection::stats() const { return impl_->stats(); }

void connection::subscribe(std::string_view topic) {
  if (!impl_->ended()) impl_->topics().subscribe(*impl_, topic);
}
void connection::unsubscribe(std::string_view topic) {
  if (!impl_->ended()) impl_->topics().unsubscribe(*impl_, topic);
}

connection_handle connection::handle() const {
  return connection_handle(impl_->loop_handle(), impl_);
}

bool connection::post_send(payload payload, broadcast_options options) const {
  return handle().post_send(payload, options);
}

bool connection_handle::post_send(payload payload, broadcast_options options) const {
  auto message = std::make_shared<detail::outgoing_message>(
      payload, options, detail::outgoing_message::recipients::one);
  return loop_.post([impl = impl_, message = std::move(message)] {
    if (const auto alive = impl.lock()) alive->broadcast(message);
  });
}

namespace detail {

connection_wait::connection_wait(connection_impl& impl)
    : connection(impl.shared_from_this()), waiter(impl.executor()) {}

connection_wait::~connection_wait() { connection->forget_receiver(waiter); }

bool receive_wait::await_ready() { return impl_.begin_receive(message_); }

void receive_wait::await_suspend(std::coroutine_handle<> coroutine) {
  auto& waiter = waiting_.emplace(impl_).waiter;
  impl_.set_receiver(waiter);
  waiter.suspend(coroutine, limit_);
}

void receive_wait::finish() {
  if (waiting_) {
    impl_.forget_receiver(waiting_->waiter);
    if (!impl_.can_receive()) waiting_->waiter.throw_if_limited("receiving");
  }
  message_ = impl_.take();
}

void recv_operation::finish() {
  receive_wait::finish();
  if (!message_) impl_.throw_closed();
}

void next_operation::finish() {
  receive_wait::finish();
  if (!message_ && !impl_.closed_ok()) impl_.throw_closed();
}

bool send_operation::await_ready() {
  state_ = impl_.send(payload_, options_);
  return state_ == send_state::done || (state_ == send_state::too_late && impl_.ended());
}

void send_operation::await_suspend(std::coroutine_handle<> coroutine) {
  auto& waiter = waiting_.emplace(impl_).waiter;
  auto& queue = state_ == send_state::must_wait ? impl_.senders() : impl_.closing();
  waiter.suspend_in(queue, coroutine, limit_);
}

void send_operation::finish() {
  if (impl_.ended()) impl_.throw_closed();
  if (state_ == send_state::too_late || impl_.must_wait_to_send()) {
    waiting_->waiter.throw_if_limited("sending");
  }
}

}  // namespace detail
}  // namespace duplex
