// The life of a handler, and messages to the connections of one loop.
#include "api/server_loop.hpp"

#include <string>
#include <utility>

#include "api/connection_impl.hpp"

namespace duplex::detail {

// A connection from its handshake to its end.
struct server_loop::session {
  session(server_loop& on, connection& opened)
      : owner(on), connection(opened), impl(connection_impl::of(opened)) {
    owner.sessions_.insert(this);
  }
  session(const session&) = delete;
  session& operator=(const session&) = delete;
  ~session() { owner.sessions_.erase(this); }

  server_loop& owner;
  duplex::connection& connection;
  std::shared_ptr<connection_impl> impl;
  bool handled = false;  // the handler has returned
};

// One of `load`, until it goes.
struct server_loop::counted {
  explicit counted(server_loop& on) noexcept : owner(on) {}
  counted(const counted&) = delete;
  counted& operator=(const counted&) = delete;
  ~counted() { owner.load_->fetch_sub(1, std::memory_order_relaxed); }

  server_loop& owner;
};

server_loop::server_loop(std::shared_ptr<const server_settings> settings,
                         const publisher& publisher, std::shared_ptr<server_load> load)
    : settings_(std::move(settings)),
      topics_(std::make_shared<topic_table>(publisher)),
      load_(std::move(load)),
      streams_([this](std::exception_ptr exception) {
        log_failure(log_sink(), std::move(exception));
      }) {}

void server_loop::serve(std::unique_ptr<io::stream> stream, std::shared_ptr<void> slot) noexcept {
  try {
    streams_.spawn(serve_stream(std::move(stream), std::move(slot)));
  } catch (...) {  // no memory: this one is dropped
    lose(std::current_exception());
  }
}

void server_loop::lose(std::exception_ptr failure) noexcept {
  const counted one(*this);
  log_failure(log_sink(), std::move(failure));
}

task<> server_loop::serve_stream(std::unique_ptr<io::stream> stream,
                                 [[maybe_unused]] std::shared_ptr<void> slot) {
  const counted one(*this);
  auto connection = co_await open_connection(settings_->opening, std::move(stream));
  if (!connection) co_return;
  session lifetime(*this, *connection);
  const auto& impl = lifetime.impl;
  impl->set_topics(topics_);
  if (settings_->opening.closing.stop_requested()) {
    impl->start_close(1001, {});  // closed in the moment it was opened
  }
  std::exception_ptr failure;
  try {
    co_await settings_->handler(*connection);
  } catch (const connection_closed&) {
    // The usual end of a handler that does not ask why; of another connection's, it is a failure.
    if (!impl->ended() && impl->core().state() == protocol::state::open) {
      failure = std::current_exception();
    }
  } catch (...) {
    failure = std::current_exception();
  }
  lifetime.handled = true;
  if (failure) log_failure(log_sink(), failure, impl->id());
  if (connection_impl::of(*connection)) {
    co_await connection->close(failure ? 1011 : 1000);
  } else {  // moved away: only the server's close still reaches it
    co_await connection_impl::wait_closed(impl, {});
  }
}

void server_loop::close(std::uint16_t code, std::string_view reason) noexcept {
  for (auto* each : sessions_) {
    try {
      each->impl->start_close(code, reason);
    } catch (...) {  // no memory for a farewell
      each->impl->abort();
    }
  }
}

void server_loop::drop() noexcept {
  for (auto* each : sessions_) {
    if (const auto& impl = connection_impl::of(each->connection)) impl->abort();
  }
  streams_.clear();
}

std::vector<connection*> server_loop::connections() const {
  std::vector<connection*> result;
  for (auto* each : sessions_) {
    if (!each->handled && connection_impl::of(each->connection)) {
      result.push_back(&each->connection);
    }
  }
  return result;
}

void server_loop::publish(const shared_message& message,
                          const connection_impl* except) const noexcept {
  topics_->publish(message, except);
}

void server_loop::broadcast(const shared_message& message) const noexcept {
  for (auto* each : sessions_) {
    if (!each->handled) each->impl->broadcast(message);
  }
}

void log_failure(const logger& sink, std::exception_ptr exception,
                 std::string_view connection_id) noexcept try {
  std::string message = "connection handler failed";
  try {
    std::rethrow_exception(std::move(exception));
  } catch (const std::exception& problem) {
    message.append(": ").append(problem.what());
  } catch (...) {
    message.append(" with something that is no std::exception");
  }
  write_log(sink, log_level::error, message, connection_id);
} catch (...) {  // no memory for a message
}

}  // namespace duplex::detail
