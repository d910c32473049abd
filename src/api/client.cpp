// Connecting: a stream, the handshake on it, one time limit for all of it.
#include <duplex/client.hpp>
#include <duplex/io/stream.hpp>
#include <duplex/protocol/handshake.hpp>
#include <duplex/uri.hpp>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

#include "api/connection_impl.hpp"
#include "api/dial.hpp"
#include "api/stream_reader.hpp"
#include "io/tls_stream.hpp"
#include "protocol/option_settings.hpp"
#include "protocol/trace.hpp"
#include "tls/client.hpp"

namespace duplex {
namespace {

// Everything of connect_options that is needed later, owned.
class connect_plan {
 public:
  connect_plan(std::string_view text, const connect_options& options)
      : target(text),
        handshake(target, detail::handshake_settings(options), detail::handshake_limits()),
        core(detail::core_settings(options)),
        inbox(detail::make_inbox(options)),
        write_limit(options.write_limit),
        read_limit(options.read_limit),
        open_timeout(options.open_timeout),
        logger(
            std::make_shared<duplex::logger>(options.logger ? *options.logger : stderr_logger())),
        dialling(detail::dial_settings_of(target, options)),
        tls(options.tls) {}

  uri target;
  protocol::client_handshake handshake;
  protocol::connection_settings core;
  duplex::inbox inbox;
  water_marks write_limit;
  std::size_t read_limit;
  std::optional<duration> open_timeout;
  std::shared_ptr<const duplex::logger> logger;
  detail::dial_settings dialling;
  tls::client tls;
  std::unique_ptr<io::stream> stream;  // where one was handed over: no dialling
};

task<client_connection> open_connection(connect_plan plan) {
  const limit limit = plan.open_timeout ? duplex::limit(*plan.open_timeout) : duplex::limit();
  auto stream = std::move(plan.stream);
  if (!stream) {
    auto dialled = co_await detail::dial(plan.dialling, limit);
    stream = std::move(dialled);
  }
  if (plan.target.secure()) {
    auto engine = plan.tls.make_engine(plan.target.host());
    const std::string peer = plan.target.host() + " port " + std::to_string(plan.target.port());
    auto encrypted = co_await io::open_tls(std::move(stream), std::move(engine), peer, limit);
    stream = std::move(encrypted);
  }
  auto& handshake = plan.handshake;
  detail::handshake_result result;
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
                                                        plan.core, std::move(plan.inbox),
                                                        plan.write_limit, plan.read_limit);
  impl->set_extensions(handshake.take_extensions());
  impl->set_logger(std::move(plan.logger));
  co_return detail::connection_impl::open(std::move(impl), std::move(result), handshake.rest());
}

task<client_connection> open_in_time(connect_plan plan) {
  const auto target = plan.target.str();
  const auto time = plan.open_timeout.value_or(duration::zero());
  try {
    co_return co_await open_connection(std::move(plan));
  } catch (const timeout&) {
    throw timeout("opening a connection to " + target + " took longer than " +
                  detail::to_text(time));
  }
}

}  // namespace

task<client_connection> connect(std::string_view uri, const connect_options& options) {
  detail::validate(options);
  connect_plan plan(uri, options);
  if (options.sock) plan.stream = io::adopt_stream(*options.sock);  // from here on it is ours
  return open_in_time(std::move(plan));
}

task<client_connection> unix_connect(std::string_view path, std::string_view uri,
                                     connect_options options) {
  const address server = unix_address(path);
  options.host = server.host;
  return connect(uri, options);
}

}  // namespace duplex
