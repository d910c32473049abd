// Accepting, the server's handshake, the life of a handler, and closing.
#include <chrono>
#include <duplex/coro/scope.hpp>
#include <duplex/coro/wait.hpp>
#include <duplex/io/tcp.hpp>
#include <duplex/protocol/handshake.hpp>
#include <duplex/server.hpp>
#include <exception>
#include <stdexcept>
#include <unordered_set>
#include <utility>

#include "api/connection_impl.hpp"
#include "api/stream_reader.hpp"
#include "protocol/option_settings.hpp"

namespace duplex {
namespace detail {

class server_impl : public std::enable_shared_from_this<server_impl>, private coro::resident {
 public:
  server_impl(connection_handler handler, std::string_view host, int port, serve_options options);
  static server make(std::shared_ptr<server_impl> impl) { return server(std::move(impl)); }

  void close(bool close_connections, std::uint16_t code, std::string_view reason);
  /// Ends everything where it stands.
  void drop() noexcept;
  static task<> wait_closed(std::shared_ptr<server_impl> self, limit limit);
  static task<> serve_forever(std::shared_ptr<server_impl> self, limit limit);
  std::vector<connection*> connections() const;
  std::vector<address> sockets() const { return sockets_; }
  bool is_serving() const { return !closing_.stop_requested(); }
  const serve_options& options() const { return options_; }

 private:
  struct session;

  void listen(std::string_view host, std::uint16_t port);
  void accept(std::unique_ptr<io::stream> stream) noexcept;
  task<> serve_stream(std::unique_ptr<io::stream> stream);
  task<std::optional<connection>> open(std::unique_ptr<io::stream> stream);
  task<std::optional<request>> receive_request(protocol::server_handshake& handshake,
                                               stream_reader& reader, limit limit);
  std::optional<response> check_subprotocol(const request& request,
                                            std::optional<std::string>& selected) const;
  task<> reject(response response, io::stream& stream, stream_reader& reader, limit limit);
  void stop() noexcept;
  void executor_ends() noexcept override { drop(); }
  void log(log_level level, const std::string& message, std::string_view id = {}) const noexcept;
  void log_failure(std::exception_ptr exception, std::string_view id) const noexcept;

  io::loop& loop_;
  connection_handler handler_;
  const std::shared_ptr<const serve_options> shared_options_;  // a connection keeps its logger
  const serve_options& options_ = *shared_options_;
  protocol::server_extensions extensions_;
  std::vector<std::unique_ptr<io::listener>> listeners_;
  std::vector<address> sockets_;
  std::stop_source closing_;
  coro::wait_queue waiting_for_close_;
  std::unordered_set<session*> sessions_;
  bool closed_ = false;
  scope streams_;  // last: its tasks use all of the above
};

server_impl::server_impl(connection_handler handler, std::string_view host, int port,
                         serve_options options)
    : resident(io::loop::current()),
      loop_(io::loop::current()),
      handler_(std::move(handler)),
      shared_options_(std::make_shared<serve_options>(std::move(options))),
      streams_([this](std::exception_ptr exception) { log_failure(std::move(exception), {}); }) {
  validate(options_);
  extensions_ = extensions_of(options_);
  if (!handler_) throw std::invalid_argument("serve needs a handler");
  if (port < 0 || port > 65535) {
    throw std::invalid_argument("port must be from 0 to 65535, got " + std::to_string(port));
  }
  listen(host, static_cast<std::uint16_t>(port));
  for (auto& listener : listeners_) {
    listener->start([this](std::unique_ptr<io::stream> stream) { accept(std::move(stream)); });
    log(log_level::info, "server listening on " + to_string(listener->local_address()));
  }
}

void server_impl::listen(std::string_view host, std::uint16_t port) {
  std::exception_ptr unavailable;
  for (auto& at : io::resolve_now(std::string(host), port, options_.family, true)) {
    at.port = port;
    try {
      listeners_.push_back(io::listen_tcp(at, options_.backlog, options_.reuse_port));
    } catch (const std::system_error& problem) {
      // A machine without IPv6 still has names that resolve to it.
      if (problem.code() != std::errc::address_not_available &&
          problem.code() != std::errc::address_family_not_supported) {
        throw;
      }
      unavailable = std::current_exception();
      continue;
    }
    sockets_.push_back(listeners_.back()->local_address());
    port = sockets_.front().port;  // port 0: the same port on every address
  }
  if (listeners_.empty()) std::rethrow_exception(unavailable);
}

void server_impl::accept(std::unique_ptr<io::stream> stream) noexcept {
  try {
    streams_.spawn(serve_stream(std::move(stream)));
  } catch (...) {  // no memory: this one is dropped
    log_failure(std::current_exception(), {});
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

task<> server_impl::serve_stream(std::unique_ptr<io::stream> stream) {
  auto connection = co_await open(std::move(stream));
  if (!connection) co_return;
  session lifetime(*this, *connection);
  const auto& impl = lifetime.impl;
  if (!is_serving()) impl->start_close(1001, {});  // closed in the moment it was opened
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

task<std::optional<connection>> server_impl::open(std::unique_ptr<io::stream> stream) {
  limit limit;
  if (options_.open_timeout)
    limit = {*options_.open_timeout, closing_.get_token()};
  else
    limit = closing_.get_token();
  protocol::server_handshake handshake;
  handshake_result result;
  protocol::extension_agreement agreed;
  try {
    stream_reader reader(*stream);
    auto request = co_await receive_request(handshake, reader, limit);
    auto refusal = handshake.refusal();
    if (request) refusal = check_subprotocol(*request, result.subprotocol);
    if (closing_.stop_requested()) {
      refusal = protocol::server_handshake::reject(503, "the server is shutting down");
    }
    if (refusal) {
      co_await reject(std::move(*refusal), *stream, reader,
                      closing_.stop_requested() ? duplex::limit(std::chrono::seconds(1))
                      : options_.close_timeout  ? duplex::limit(*options_.close_timeout)
                                                : duplex::limit());
      co_return std::nullopt;
    }
    if (!request) co_return std::nullopt;  // gone without a word
    agreed = protocol::select_extensions(*request, extensions_);
    result.response =
        protocol::server_handshake::accept(*request, result.subprotocol, agreed.header);
    for (const auto& [name, value] : options_.additional_headers) {
      result.response.headers.add(name, value);
    }
    if (options_.server_header && !result.response.headers.contains("Server")) {
      result.response.headers.add("Server", *options_.server_header);
    }
    co_await reader.write(protocol::write_response(result.response), limit);
    result.request = std::move(*request);
  } catch (const std::exception& problem) {
    log(log_level::info, std::string("opening handshake failed: ") + problem.what());
    co_return std::nullopt;
  }
  auto impl = std::make_shared<connection_impl>(std::move(stream), protocol::side::server,
                                                core_settings(options_), make_inbox(options_),
                                                options_.write_limit, options_.read_limit);
  impl->set_extensions(std::move(agreed.extensions));
  impl->set_logger({shared_options_, &options_.logger});
  co_return connection_impl::open(std::move(impl), std::move(result), handshake.rest());
}

// nullopt: the handshake has a refusal, the peer went away, or the server closes.
task<std::optional<request>> server_impl::receive_request(protocol::server_handshake& handshake,
                                                          stream_reader& reader, limit limit) {
  for (;;) {
    std::span<const std::byte> bytes;
    try {
      bytes = co_await reader.read_some(limit);
    } catch (const std::system_error& problem) {
      if (problem.code() == std::errc::operation_canceled) co_return std::nullopt;
      throw;
    }
    if (bytes.empty()) {
      handshake.receive_eof();
    } else {
      handshake.receive_data(bytes);
    }
    auto request = handshake.next_request();
    if (request || handshake.refusal() || bytes.empty()) co_return request;
  }
}

std::optional<response> server_impl::check_subprotocol(const request& request,
                                                       std::optional<std::string>& selected) const {
  if (options_.subprotocols.empty()) return std::nullopt;
  selected = protocol::select_subprotocol(request, options_.subprotocols);
  if (selected) return std::nullopt;
  std::string supported;
  for (const auto& name : options_.subprotocols)
    supported += (supported.empty() ? "" : ", ") + name;
  return protocol::server_handshake::reject(
      400, "no subprotocol in common; this server supports: " + supported);
}

// Says no, and waits for the peer's end so that its unread bytes do not reset what was said.
task<> server_impl::reject(response response, io::stream& stream, stream_reader& reader,
                           limit limit) {
  if (options_.server_header) response.headers.set("Server", *options_.server_header);
  log(log_level::info,
      "connection rejected (" + std::to_string(response.status) + ' ' + response.reason + ')');
  co_await reader.write(protocol::write_response(response), limit);
  stream.shutdown();
  std::size_t discarded = 0;
  for (;;) {
    auto bytes = co_await reader.read_some(limit);
    discarded += bytes.size();
    if (bytes.empty() || discarded > (std::size_t{1} << 20)) co_return;
  }
}

// --- the whole

void server_impl::close(bool close_connections, std::uint16_t code, std::string_view reason) {
  protocol::connection::check_close(code, reason);
  if (is_serving()) {
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
  co_await serve_forever(self, limit);
  co_await self->streams_.join(limit);
  if (!std::exchange(self->closed_, true)) self->log(log_level::info, "server closed");
}

task<> server_impl::serve_forever(std::shared_ptr<server_impl> self, limit limit) {
  while (self->is_serving()) {
    coro::wait waiting(self->loop_, self->waiting_for_close_, limit);
    co_await waiting;
    if (self->is_serving()) waiting.throw_if_limited("waiting for the server to close");
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
task<> server::serve_forever() { return detail::server_impl::serve_forever(impl_, {}); }
std::vector<connection*> server::connections() const { return impl_->connections(); }
std::vector<address> server::sockets() const { return impl_->sockets(); }
std::uint16_t server::port() const { return impl_->sockets().front().port; }
bool server::is_serving() const { return impl_->is_serving(); }
const serve_options& server::options() const { return impl_->options(); }

server serve(connection_handler handler, std::string_view host, int port, serve_options options) {
  return detail::server_impl::make(
      std::make_shared<detail::server_impl>(std::move(handler), host, port, std::move(options)));
}

}  // namespace duplex
