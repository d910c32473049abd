// Connecting, and the connection as its owner holds it.
#include <duplex/sync/client.hpp>

#include <array>
#include <exception>
#include <stdexcept>
#include <utility>

#include <duplex/protocol/handshake.hpp>

#include "base/reconnect_policy.hpp"
#include "net/sockaddr.hpp"
#include "protocol/client_plan.hpp"
#include "protocol/trace.hpp"
#include "sync/blocking_connection.hpp"
#include "sync/connecting.hpp"
#include "sync/dial.hpp"
#include "sync/tls_transport.hpp"
#include "sync/transport_reader.hpp"
#include "tls/client.hpp"

namespace duplex::sync {
namespace {

// Sends the request and reads until the response is complete.
response shake_hands(transport& transport, protocol::client_handshake& handshake,
                     const std::string& peer, std::optional<clock::time_point> deadline) {
  transport_reader reader(transport, "opening handshake with " + peer, deadline);
  reader.write(handshake.data_to_send());
  for (;;) {
    const auto bytes = reader.read_some();
    if (bytes.empty()) {
      handshake.receive_eof();
    } else {
      handshake.receive_data(bytes);
    }
    if (auto answer = handshake.next_response()) return std::move(*answer);
    if (handshake.failure()) std::rethrow_exception(handshake.failure());
  }
}

std::unique_ptr<transport> dial_and_log(const detail::client_plan& plan,
                                        const tls::client& proxy_tls,
                                        std::optional<clock::time_point> deadline) {
  write_log(*plan.logger, log_level::debug,
            "= connecting to " + detail::describe_way(plan.dialling));
  auto dialled = dial(plan.dialling, proxy_tls, deadline);
  const int socket = dialled->descriptor();
  write_log(*plan.logger, log_level::debug,
            "= connected to " + to_string(net::remote_address_of(socket)) + " from " +
                to_string(net::local_address_of(socket)));
  return dialled;
}

std::unique_ptr<blocking_connection> open_on(std::unique_ptr<transport> transport,
                                             const detail::client_plan& plan,
                                             const tls::clients& tls,
                                             std::optional<clock::time_point> deadline) {
  auto handshake = plan.make_handshake();
  const std::string peer = detail::peer_name(plan.dialling);
  if (plan.target.secure()) {
    const auto& client = plan.has_left_origin ? tls.elsewhere : tls.server;
    auto engine = client.make_engine(plan.target.host());
    transport = open_tls(std::move(transport), std::move(engine), peer, deadline);
  }
  handshake_result result;
  protocol::log_head(*plan.logger, '>', handshake.request());
  result.response = shake_hands(*transport, handshake, peer, deadline);
  protocol::log_head(*plan.logger, '<', result.response);
  result.tls = transport->tls();
  result.request = handshake.request();
  result.subprotocol = handshake.subprotocol();
  return std::make_unique<blocking_connection>(std::move(transport), std::move(result),
                                               handshake.take_extensions(), handshake.rest(), plan);
}

}  // namespace

std::unique_ptr<blocking_connection> open_client(detail::client_plan plan, const tls::clients& tls,
                                                 std::unique_ptr<transport> transport,
                                                 const limit& whole) {
  const auto deadline =
      detail::reconnect_policy::attempt_limit(whole, plan.open_timeout).deadline();
  for (;;) {
    try {
      if (!transport) transport = dial_and_log(plan, tls.proxy, deadline);
      return open_on(std::move(transport), plan, tls, deadline);
    } catch (const invalid_status& answer) {
      if (!plan.follow(answer.response())) throw;
    }
  }
}

client_connection connect(std::string_view uri, const connect_options& options) {
  detail::client_plan plan(uri, options);
  const tls::clients tls(options.tls, options.proxy_tls);
  // What is wrong with the name is told now, while the socket is still the caller's.
  if (plan.target.secure()) tls.server.make_engine(plan.target.host());
  std::unique_ptr<transport> transport;
  if (options.sock) transport = adopt_transport(*options.sock);  // from here on it is ours
  return client_connection(open_client(std::move(plan), tls, std::move(transport)));
}

client_connection unix_connect(std::string_view path, std::string_view uri,
                               connect_options options) {
  const address server = unix_address(path);
  options.host = server.host;
  return connect(uri, options);
}

client_connection::client_connection(std::unique_ptr<blocking_connection> opened) noexcept
    : impl_(std::move(opened)) {}

client_connection::client_connection(client_connection&&) noexcept = default;

client_connection& client_connection::operator=(client_connection&& other) noexcept {
  if (this != &other) {
    const client_connection before(std::exchange(impl_, std::move(other.impl_)));
  }
  return *this;
}

client_connection::~client_connection() {
  if (impl_) impl_->finish();
}

message client_connection::recv(limit limit) { return impl_->recv(limit); }

std::optional<message> client_connection::next(limit limit) { return impl_->next(limit); }

void client_connection::send(payload payload, send_options options, limit limit) {
  impl_->send(payload, options, limit);
}

duration client_connection::ping(limit limit) {
  // Unpredictable, so that a pong proves that the peer has read the ping.
  std::array<std::byte, 4> data;
  protocol::system_random()(data.data(), data.size());
  return impl_->ping(data, limit);
}

duration client_connection::ping(std::span<const std::byte> data, limit limit) {
  return impl_->ping(data, limit);
}

void client_connection::pong(std::span<const std::byte> data) { impl_->pong(data); }

void client_connection::close(std::uint16_t code, std::string_view reason) {
  impl_->close(code, reason);
}

void client_connection::abort() { impl_->abort(); }

const std::string& client_connection::id() const { return impl_->id(); }
address client_connection::local_address() const { return impl_->local_address(); }
address client_connection::remote_address() const { return impl_->remote_address(); }
protocol::state client_connection::state() const { return impl_->state(); }
const request& client_connection::request() const { return impl_->handshake().request; }
const response& client_connection::response() const { return impl_->handshake().response; }

const std::optional<std::string>& client_connection::subprotocol() const {
  return impl_->handshake().subprotocol;
}

const tls_info* client_connection::tls() const { return impl_->handshake().tls.get(); }
std::optional<duration> client_connection::latency() const { return impl_->latency(); }
std::optional<std::uint16_t> client_connection::close_code() const { return impl_->close_code(); }
std::string client_connection::close_reason() const { return impl_->close_reason(); }
std::size_t client_connection::buffered_amount() const { return impl_->buffered_amount(); }
connection_stats client_connection::stats() const { return impl_->stats(); }

message_stream client_connection::recv_streaming(limit limit) {
  return {*impl_, impl_->begin_stream(limit)};
}

}  // namespace duplex::sync
