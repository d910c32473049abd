// Connecting: a stream, the handshake on it, one time limit for all of it.
#include <duplex/client.hpp>
#include <duplex/error.hpp>
#include <duplex/io/stream.hpp>
#include <duplex/protocol/handshake.hpp>
#include <memory>
#include <string>
#include <utility>

#include "api/client.hpp"
#include "api/connection_impl.hpp"
#include "api/dial.hpp"
#include "api/stream_reader.hpp"
#include "base/reconnect_policy.hpp"
#include "io/tls_stream.hpp"
#include "protocol/client_plan.hpp"
#include "protocol/option_settings.hpp"
#include "protocol/trace.hpp"
#include "tls/client.hpp"

namespace duplex {
namespace {

task<client_connection> open_on(std::unique_ptr<io::stream> stream, const detail::client_plan& plan,
                                const tls::clients& tls, limit limit) {
  auto handshake = plan.make_handshake();
  if (plan.target.secure()) {
    const auto& client = plan.has_left_origin ? tls.elsewhere : tls.server;
    auto engine = client.make_engine(plan.target.host());
    const std::string peer = detail::peer_name(plan.dialling);
    auto encrypted = co_await io::open_tls(std::move(stream), std::move(engine), peer, limit);
    stream = std::move(encrypted);
  }
  duplex::handshake result;
  protocol::log_head(*plan.logger, '>', handshake.request());
  {
    detail::stream_reader reader(*stream);
    co_await reader.write(handshake.data_to_send(), limit);
    for (;;) {
      auto bytes = co_await reader.read_some(limit);
      if (bytes.empty()) {
        handshake.receive_eof();
      } else {
        handshake.receive_data(bytes);
      }
      auto response = handshake.next_response();
      if (handshake.failure()) std::rethrow_exception(handshake.failure());
      if (!response) continue;
      result.response = std::move(*response);
      break;
    }
  }
  protocol::log_head(*plan.logger, '<', result.response);
  result.request = handshake.request();
  result.subprotocol = handshake.subprotocol();
  auto impl = std::make_shared<detail::connection_impl>(std::move(stream), protocol::side::client,
                                                        plan.core, plan.inbox->fresh(),
                                                        plan.write_limit, plan.read_limit);
  impl->set_extensions(handshake.take_extensions());
  impl->set_logger(plan.logger);
  co_return detail::connection_impl::open(std::move(impl), std::move(result), handshake.rest());
}

task<client_connection> open_following(detail::client_plan plan, tls::clients tls,
                                       std::unique_ptr<io::stream> stream, limit limit) {
  for (;;) {
    try {
      if (!stream) {
        write_log(*plan.logger, log_level::debug,
                  "= connecting to " + detail::describe_way(plan.dialling));
        auto dialled = co_await detail::dial(plan.dialling, tls.proxy, limit);
        stream = std::move(dialled);
        write_log(*plan.logger, log_level::debug,
                  "= connected to " + to_string(stream->remote_address()) + " from " +
                      to_string(stream->local_address()));
      }
      co_return co_await open_on(std::move(stream), plan, tls, limit);
    } catch (const invalid_status& answer) {
      if (!plan.follow(answer.response())) throw;
    }
  }
}

}  // namespace

task<client_connection> detail::open_client(client_plan plan, tls::clients tls,
                                            std::unique_ptr<io::stream> stream, limit whole) {
  const auto target = plan.target.str();
  const auto shown = target.substr(0, target.find('?'));  // what follows may be a token of access
  const auto time = plan.open_timeout;
  const limit limit = reconnect_policy::attempt_limit(whole, plan.open_timeout);
  try {
    co_return co_await open_following(std::move(plan), std::move(tls), std::move(stream), limit);
  } catch (const timeout&) {
    const bool own = !whole.deadline() || limit.deadline() != whole.deadline();
    const auto why = time && own ? "took longer than open_timeout, " + to_text(*time) : "timed out";
    throw timeout("opening a connection to " + shown + " " + why);
  }
}

task<client_connection> connect(std::string_view uri, const connect_options& options) {
  detail::client_plan plan(uri, options);
  tls::clients tls(options.tls, options.proxy_tls);
  // What is wrong with the name is told now, while the socket is still the caller's.
  if (plan.target.secure()) tls.server.make_engine(plan.target.host());
  std::unique_ptr<io::stream> stream;
  if (options.sock) stream = io::adopt_stream(*options.sock);  // from here on it is ours
  return detail::open_client(std::move(plan), std::move(tls), std::move(stream));
}

task<client_connection> unix_connect(std::string_view path, std::string_view uri,
                                     connect_options options) {
  const address server = unix_address(path);
  options.host = server.host;
  return connect(uri, options);
}

}  // namespace duplex
