// Listening, the connections of a server from their opening to the end of their handlers, closing.
#include <duplex/coro/scope.hpp>
#include <duplex/coro/wait.hpp>
#include <duplex/io/listener.hpp>
#include <duplex/protocol/handshake.hpp>
#include <duplex/server.hpp>
#include <exception>
#include <stdexcept>
#include <unordered_set>
#include <utility>

#include "api/admission.hpp"
#include "api/connection_impl.hpp"
#include "api/listening.hpp"
#include "api/opening.hpp"
#include "protocol/option_settings.hpp"

namespace duplex {
namespace detail {

namespace {

// Refused peers that are waited for at a time, so that they learn why.
constexpr long refused_at_once_max = 64;

}  // namespace

class server_impl : public std::enable_shared_from_this<server_impl>, private coro::resident {
 public:
  server_impl(connection_handler handler, const host_list& hosts, int port, serve_options options);
  static server make(std::shared_ptr<server_impl> impl) { return server(std::move(impl)); }

  void close(bool close_connections, std::uint16_t code, std::string_view reason);
  /// Ends everything where it stands.
  void drop() noexcept;
  static task<> wait_closed(std::shared_ptr<server_impl> self, limit limit);
  static task<> serve_forever(std::shared_ptr<server_impl> self);
  std::vector<connection*> connections() const;
  std::vector<address> sockets() const { return sockets_; }
  void start_serving();
  bool is_serving() const { return serving_ && !is_closing(); }
  const serve_options& options() const { return options_; }

 private:
  struct session;

  void accept(std::unique_ptr<io::stream> stream) noexcept;
  void admit(std::unique_ptr<io::stream> stream);
  void refuse(std::unique_ptr<io::stream> stream, const admission::refusal& why);
  task<> serve_stream(std::unique_ptr<io::stream> stream, admission::slot slot);
  static task<> wait_for_close(std::shared_ptr<server_impl> self, limit limit);
  bool is_closing() const { return closing_.stop_requested(); }
  void stop() noexcept;
  void executor_ends() noexcept override { drop(); }
  void log(log_level level, const std::string& message, std::string_view id = {}) const noexcept;
  void log_failure(std::exception_ptr exception, std::string_view id) const noexcept;

  io::loop& loop_;
  connection_handler handler_;
  std::stop_source closing_;
  opening_settings opening_settings_;
  const serve_options& options_ = *opening_settings_.options;
  std::vector<std::unique_ptr<io::listener>> listeners_;
  std::vector<address> sockets_;
  coro::wait_queue waiting_for_close_;
  std::unordered_set<session*> sessions_;
  bool serving_ = false;
  bool closed_ = false;
  admission admission_;
  std::shared_ptr<void> refusing_ = std::make_shared<char>();  // held by each who is told why not
  scope streams_;  // last: its tasks use all of the above
};

server_impl::server_impl(connection_handler handler, const host_list& hosts, int port,
                         serve_options options)
    : resident(io::loop::current()),
      loop_(io::loop::current()),
      handler_(std::move(handler)),
      opening_settings_{.options = std::make_shared<serve_options>(std::move(options)),
                        .closing = closing_.get_token()},
      admission_(options_),
      streams_([this](std::exception_ptr exception) { log_failure(std::move(exception), {}); }) {
  validate(options_);
  opening_settings_.extensions = extensions_of(options_);
  opening_settings_.trusted = trusted_proxies(options_.trusted_proxies);
  if (!handler_) throw std::invalid_argument("serve needs a handler");
  listeners_ = listen(hosts, port, options_);
  for (auto& listener : listeners_) sockets_.push_back(listener->local_address());
  if (options_.start_serving) start_serving();
}

void server_impl::start_serving() {
  if (is_closing()) throw invalid_state("the server is closed");
  if (std::exchange(serving_, true)) return;
  for (auto& listener : listeners_) {
    listener->start([this](std::unique_ptr<io::stream> stream) { accept(std::move(stream)); });
    log(log_level::info, "server listening on " + to_string(listener->local_address()));
  }
}

void server_impl::accept(std::unique_ptr<io::stream> stream) noexcept {
  try {
    admit(std::move(stream));
  } catch (...) {  // no memory: this one is dropped
    log_failure(std::current_exception(), {});
  }
}

void server_impl::admit(std::unique_ptr<io::stream> stream) {
  admission::refusal refused;
  auto slot = admission_.admit(stream->remote_address(), loop_.now(), refused);
  if (!slot) return refuse(std::move(stream), refused);
  streams_.spawn(serve_stream(std::move(stream), std::move(*slot)));
}

// Before anything that costs: no byte of it is looked at. Where many are refused at once, the last
// are told so without care for whether it arrives.
void server_impl::refuse(std::unique_ptr<io::stream> stream, const admission::refusal& refused) {
  auto answer = protocol::server_handshake::reject(503, refused.why);
  answer.headers.add("Retry-After", std::to_string(refused.retry_after.count()));
  if (options_.server_header) answer.headers.add("Server", *options_.server_header);
  log(log_level::info, "connection rejected (503 Service Unavailable) for " +
                           to_string(stream->remote_address()) + ": " + std::string(refused.why));
  if (options_.tls) return;  // before its handshake nothing can be said
  const auto bytes = protocol::write_response(answer);
  if (refusing_.use_count() > refused_at_once_max) {
    stream->try_write({as_bytes(bytes), {}});
  } else {
    streams_.spawn(refuse_connection(opening_settings_, std::move(stream), bytes, refusing_));
  }
}

// --- one connection

// A connection from its handshake to its end.
struct server_impl::session {
  session(server_impl& owner, connection& opened)
      : server(owner), connection(opened), impl(connection_impl::of(opened)) {
    server.sessions_.insert(this);
  }
  session(const session&) = delete;
  session& operator=(const session&) = delete;
  ~session() { server.sessions_.erase(this); }

  server_impl& server;
  duplex::connection& connection;
  std::shared_ptr<connection_impl> impl;
  bool handled = false;  // the handler has returned
};

task<> server_impl::serve_stream(std::unique_ptr<io::stream> stream,
                                 [[maybe_unused]] admission::slot slot) {
  auto connection = co_await open_connection(opening_settings_, std::move(stream));
  if (!connection) co_return;
  session lifetime(*this, *connection);
  const auto& impl = lifetime.impl;
  if (is_closing()) impl->start_close(1001, {});  // closed in the moment it was opened
  std::exception_ptr failure;
  try {
    co_await handler_(*connection);
  } catch (const connection_closed&) {
    // The usual end of a handler that does not ask why; of another connection's, it is a failure.
    if (!impl->ended() && impl->core().state() == protocol::state::open) {
      failure = std::current_exception();
    }
  } catch (...) {
    failure = std::current_exception();
  }
  lifetime.handled = true;
  if (failure) log_failure(failure, impl->id());
  if (connection_impl::of(*connection)) {
    co_await connection->close(failure ? 1011 : 1000);
  } else {  // moved away: only the server's close still reaches it
    co_await connection_impl::wait_closed(impl, {});
  }
}

// --- the whole

void server_impl::close(bool close_connections, std::uint16_t code, std::string_view reason) {
  protocol::connection::check_close(code, reason);
  if (!is_closing()) {
    log(log_level::info, "server closing");
    stop();
  }
  if (!close_connections) return;
  for (auto* each : sessions_) each->impl->start_close(code, reason);
}

void server_impl::stop() noexcept {
  listeners_.clear();  // from here on the system refuses who comes
  closing_.request_stop();
  waiting_for_close_.wake_all();
}

void server_impl::drop() noexcept {
  stop();
  for (auto* each : sessions_) {
    if (const auto& impl = connection_impl::of(each->connection)) impl->abort();
  }
  streams_.clear();
}

task<> server_impl::wait_closed(std::shared_ptr<server_impl> self, limit limit) {
  co_await wait_for_close(self, limit);
  co_await self->streams_.join(limit);
  if (!std::exchange(self->closed_, true)) self->log(log_level::info, "server closed");
}

task<> server_impl::serve_forever(std::shared_ptr<server_impl> self) {
  if (!self->is_closing()) self->start_serving();
  co_await wait_for_close(self, {});
}

task<> server_impl::wait_for_close(std::shared_ptr<server_impl> self, limit limit) {
  while (!self->is_closing()) {
    coro::wait waiting(self->loop_, self->waiting_for_close_, limit);
    co_await waiting;
    if (!self->is_closing()) waiting.throw_if_limited("waiting for the server to close");
  }
}

std::vector<connection*> server_impl::connections() const {
  std::vector<connection*> result;
  for (auto* each : sessions_) {
    if (!each->handled && connection_impl::of(each->connection)) {
      result.push_back(&each->connection);
    }
  }
  return result;
}

void server_impl::log(log_level level, const std::string& message,
                      std::string_view id) const noexcept {
  write_log(options_.logger, level, message, id);
}

void server_impl::log_failure(std::exception_ptr exception, std::string_view id) const noexcept
    try {
  std::string message = "connection handler failed";
  try {
    std::rethrow_exception(std::move(exception));
  } catch (const std::exception& problem) {
    message.append(": ").append(problem.what());
  } catch (...) {
    message.append(" with something that is no std::exception");
  }
  log(log_level::error, message, id);
} catch (...) {  // no memory for a message
}

}  // namespace detail

server::server(std::shared_ptr<detail::server_impl> impl) noexcept : impl_(std::move(impl)) {}
server::server(server&&) noexcept = default;
server& server::operator=(server&& other) noexcept {
  if (this != &other) {
    if (impl_) impl_->drop();
    impl_ = std::move(other.impl_);
  }
  return *this;
}
server::~server() {
  if (impl_) impl_->drop();
}

void server::close(bool close_connections, std::uint16_t code, std::string_view reason) {
  impl_->close(close_connections, code, reason);
}
task<> server::wait_closed(limit limit) {
  return detail::server_impl::wait_closed(impl_, std::move(limit));
}
task<> server::serve_forever() { return detail::server_impl::serve_forever(impl_); }
std::vector<connection*> server::connections() const { return impl_->connections(); }
std::vector<address> server::sockets() const { return impl_->sockets(); }
std::uint16_t server::port() const {
  for (const auto& each : impl_->sockets()) {
    if (each.port != 0) return each.port;
  }
  return 0;
}
void server::start_serving() { impl_->start_serving(); }
bool server::is_serving() const { return impl_->is_serving(); }
const serve_options& server::options() const { return impl_->options(); }

server serve(connection_handler handler, host_list hosts, int port, serve_options options) {
  return detail::server_impl::make(
      std::make_shared<detail::server_impl>(std::move(handler), hosts, port, std::move(options)));
}

server unix_serve(connection_handler handler, std::string_view path, serve_options options) {
  return serve(std::move(handler), unix_address(path).host, 0, std::move(options));
}

}  // namespace duplex
