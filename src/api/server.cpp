// Listening, sharing connections out among loops, closing.
#include <algorithm>
#include <atomic>
#include <duplex/coro/wait.hpp>
#include <duplex/io/listener.hpp>
#include <duplex/protocol/handshake.hpp>
#include <duplex/server.hpp>
#include <exception>
#include <stdexcept>
#include <thread>
#include <utility>

#include "api/admission.hpp"
#include "api/connection_impl.hpp"
#include "api/listening.hpp"
#include "api/server_loop.hpp"
#include "api/server_thread.hpp"
#include "protocol/option_settings.hpp"

namespace duplex {
namespace detail {

namespace {

// Refused peers that are waited for at a time, so that they learn why.
constexpr long refused_at_once_max = 64;

}  // namespace

class server_impl : public std::enable_shared_from_this<server_impl>, private coro::resident {
 public:
  server_impl(connection_handler handler, serve_options options);
  static server make(std::shared_ptr<server_impl> impl) { return server(std::move(impl)); }
  /// Once, before anything else: listens, and accepts where the options do not leave it for later.
  void start(const host_list& hosts, int port);

  /// Any thread.
  void close(bool close_connections, std::uint16_t code, std::string_view reason);
  /// Ends everything where it stands.
  void drop() noexcept;
  static task<> wait_closed(std::shared_ptr<server_impl> self, limit limit);
  static task<> serve_forever(std::shared_ptr<server_impl> self);
  std::vector<connection*> connections() const;
  std::size_t connection_count() const noexcept { return parts_->load(); }
  std::vector<address> sockets() const { return sockets_; }
  void start_serving();
  bool is_serving() const { return serving_ && !is_closing(); }
  const serve_options& options() const { return options_; }
  duplex::publisher publisher() const { return duplex::publisher(parts_); }

 private:
  void start_threads();
  void accept(std::unique_ptr<io::stream> stream) noexcept;
  void admit(std::unique_ptr<io::stream> stream);
  bool hand_over(const server_parts::part& part, io::stream& stream, std::shared_ptr<void> slot);
  void refuse(std::unique_ptr<io::stream> stream, const admission::refusal& why);
  static task<> wait_for_close(std::shared_ptr<server_impl> self, limit limit);
  bool is_closing() const { return closing_.stop_requested(); }
  void stop() noexcept;
  void executor_ends() noexcept override { drop(); }
  void log(log_level level, const std::string& message) const noexcept;

  io::loop& loop_;
  std::stop_source closing_;
  std::shared_ptr<server_settings> settings_;
  const serve_options& options_ = *settings_->opening.options;
  std::vector<std::unique_ptr<io::listener>> listeners_;
  std::vector<address> sockets_;
  coro::wait_queue waiting_for_close_, waiting_for_threads_;
  admission admission_;
  std::shared_ptr<void> refusing_ = std::make_shared<char>();  // held by each who is told why not
  std::shared_ptr<server_parts> parts_ = std::make_shared<server_parts>();
  std::shared_ptr<server_loop> own_;  // of loop_, and the first of parts_
  std::vector<std::unique_ptr<server_thread>> threads_;
  std::size_t running_threads_ = 0;
  std::size_t next_part_ = 0;  // where looking for the least loaded begins
  std::atomic<bool> serving_ = false;
  bool closed_ = false;
};

server_impl::server_impl(connection_handler handler, serve_options options)
    : resident(io::loop::current()),
      loop_(io::loop::current()),
      settings_(std::make_shared<server_settings>(
          server_settings{std::move(handler),
                          {.options = std::make_shared<serve_options>(std::move(options)),
                           .closing = closing_.get_token()}})),
      admission_(options_) {
  validate(options_);
  settings_->opening.extensions = extensions_of(options_);
  settings_->opening.trusted = trusted_proxies(options_.trusted_proxies);
  if (!settings_->handler) throw std::invalid_argument("serve needs a handler");
}

void server_impl::start(const host_list& hosts, int port) {
  listeners_ = listen(hosts, port, options_);
  for (auto& listener : listeners_) sockets_.push_back(listener->local_address());
  start_threads();
  if (options_.start_serving) start_serving();
}

void server_impl::start_serving() {
  if (is_closing()) throw invalid_state("the server is closed");
  if (serving_.exchange(true)) return;
  for (auto& listener : listeners_) {
    listener->start([this](std::unique_ptr<io::stream> stream) { accept(std::move(stream)); });
    log(log_level::info, "server listening on " + to_string(listener->local_address()));
  }
}

void server_impl::start_threads() {
  const auto load = std::make_shared<server_load>(0);
  own_ = std::make_shared<server_loop>(settings_, publisher(), load);
  parts_->all.push_back({std::this_thread::get_id(), loop_.handle(), own_, load});
  const auto count = options_.threads != 0 ? static_cast<unsigned>(options_.threads)
                                           : std::max(std::thread::hardware_concurrency(), 1U);
  // Told on this loop, where the server may be gone by then.
  const auto ended = [handle = loop_.handle(), weak = weak_from_this()] {
    handle.post([weak] {
      const auto self = weak.lock();
      if (self && --self->running_threads_ == 0) self->waiting_for_threads_.wake_all();
    });
  };
  for (unsigned i = 1; i < count; ++i) {
    threads_.push_back(std::make_unique<server_thread>(settings_, publisher(), ended));
    ++running_threads_;
    parts_->all.push_back(threads_.back()->part());
  }
}

void server_impl::accept(std::unique_ptr<io::stream> stream) noexcept {
  try {
    admit(std::move(stream));
  } catch (...) {  // no memory: this one is dropped
    log_failure(options_.logger, std::current_exception());
  }
}

// To the loop with the fewest connections; the next in turn where several have.
void server_impl::admit(std::unique_ptr<io::stream> stream) {
  admission::refusal refused;
  auto admitted = admission_.admit(stream->remote_address(), loop_.now(), refused);
  if (!admitted) return refuse(std::move(stream), refused);
  auto slot = std::make_shared<admission::slot>(std::move(*admitted));
  const auto& all = parts_->all;
  const server_parts::part* chosen = &all[next_part_++ % all.size()];
  for (const auto& each : all) {
    if (*each.load < *chosen->load) chosen = &each;
  }
  if (chosen != &all.front() && hand_over(*chosen, *stream, slot)) return;
  ++*all.front().load;
  own_->serve(std::move(stream), std::move(slot));
}

// False: the stream cannot change its loop.
bool server_impl::hand_over(const server_parts::part& part, io::stream& stream,
                            std::shared_ptr<void> slot) {
  auto detached = stream.detach();
  if (!detached) return false;
  ++*part.load;
  const bool posted =
      part.handle.post([loop = part.loop, detached = std::move(detached), slot = std::move(slot)] {
        const auto alive = loop.lock();
        if (!alive) return;
        try {
          alive->serve(detached(), slot);
        } catch (...) {
          alive->lose(std::current_exception());
        }
      });
  if (!posted) --*part.load;
  return true;
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
    own_->spawn(refuse_connection(settings_->opening, std::move(stream), bytes, refusing_));
  }
}

// --- the whole

void server_impl::close(bool close_connections, std::uint16_t code, std::string_view reason) {
  protocol::connection::check_close(code, reason);
  if (parts_->all.front().thread != std::this_thread::get_id()) {
    parts_->all.front().handle.post([=, weak = weak_from_this(), why = std::string(reason)] {
      if (const auto self = weak.lock()) self->close(close_connections, code, why);
    });
    return;
  }
  if (!is_closing()) {
    log(log_level::info, "server closing");
    stop();
  }
  if (!close_connections) return;
  parts_->for_each([code, why = std::string(reason)](auto& loop) { loop.close(code, why); });
}

void server_impl::stop() noexcept {
  listeners_.clear();  // from here on the system refuses who comes
  closing_.request_stop();
  waiting_for_close_.wake_all();
  for (const auto& each : threads_) each->finish();
}

void server_impl::drop() noexcept {
  stop();
  if (own_) own_->drop();
  threads_.clear();
}

constexpr std::string_view waiting_for_handlers = "waiting for the handlers of a closed server";

task<> server_impl::wait_closed(std::shared_ptr<server_impl> self, limit limit) {
  co_await wait_for_close(self, limit);
  try {
    co_await self->own_->join(limit);
  } catch (const timeout&) {
    throw timeout(std::string(waiting_for_handlers) + " timed out");
  }
  while (self->running_threads_ != 0) {
    coro::wait waiting(self->loop_, self->waiting_for_threads_, limit);
    co_await waiting;
    if (self->running_threads_ != 0) waiting.throw_if_limited(waiting_for_handlers);
  }
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
  for (const auto& each : parts_->all) {
    if (each.thread != std::this_thread::get_id()) continue;
    if (const auto loop = each.loop.lock()) return loop->connections();
  }
  return {};
}

void server_impl::log(log_level level, const std::string& message) const noexcept {
  write_log(options_.logger, level, message);
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

duplex::publisher server::publisher() const { return impl_->publisher(); }
std::size_t server::connection_count() const { return impl_->connection_count(); }

void server::publish(std::string_view topic, payload payload, broadcast_options options) const {
  publisher().publish(topic, payload, options);
}

void server::broadcast(payload payload, broadcast_options options) const {
  publisher().broadcast(payload, options);
}

server serve(connection_handler handler, host_list hosts, int port, serve_options options) {
  auto impl = std::make_shared<detail::server_impl>(std::move(handler), std::move(options));
  impl->start(hosts, port);
  return detail::server_impl::make(std::move(impl));
}

server unix_serve(connection_handler handler, std::string_view path, serve_options options) {
  return serve(std::move(handler), unix_address(path).host, 0, std::move(options));
}

}  // namespace duplex
