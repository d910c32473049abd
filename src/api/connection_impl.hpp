// What is behind a connection: the protocol's core between a stream and the application.
#pragma once

#include <cstddef>
#include <cstdint>
#include <duplex/connection.hpp>
#include <duplex/coro/executor.hpp>
#include <duplex/handshake.hpp>
#include <duplex/inbox.hpp>
#include <duplex/io/loop.hpp>
#include <duplex/io/stream.hpp>
#include <duplex/log.hpp>
#include <duplex/protocol/connection.hpp>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>

namespace duplex::detail {

/// Two straight lines that touch in `core_`: bytes from the stream become messages in `inbox_`,
/// messages sent become bytes for the stream. The only reader and the only writer of its stream.
///
/// Input is parsed in one of three ways: from `on_data`, as it comes, with the coroutines it makes
/// ready resumed after each event; in steps, one event each turn of the loop, for what was held
/// while the inbox was full; not at all, while it is full. What came before the end of the stream
/// is parsed to its end, as it is no more than one read.
///
/// The loop calls it through its private bases. Nothing thrown reaches the loop: where memory
/// runs out the connection is dropped.
class connection_impl final : public std::enable_shared_from_this<connection_impl>,
                              private io::stream_events,
                              private coro::timer,
                              private coro::deferred,
                              private coro::resident {
 public:
  connection_impl(std::unique_ptr<io::stream> stream, protocol::side side,
                  const protocol::connection_settings& settings, inbox inbox,
                  water_marks write_limit, std::size_t read_limit);
  ~connection_impl() override;

  /// Makes the connection of a stream whose handshake is done. `rest` came after it.
  static connection open(std::shared_ptr<connection_impl> impl, duplex::handshake handshake,
                         std::span<const std::byte> rest);
  /// nullptr: the connection was moved from.
  static const std::shared_ptr<connection_impl>& of(const connection& connection) noexcept {
    return connection.impl_;
  }

  /// Where the connection's life is logged, and every frame where the logger wants debug records.
  void set_logger(std::shared_ptr<const logger> logger);

  void set_extensions(protocol::extension_list extensions) {
    core_.set_extensions(std::move(extensions));
  }

  // --- receiving
  /// Whether there is no need to wait; a message that is there at once may be in `to` already.
  /// Throws concurrency_error.
  bool begin_receive(std::optional<message>& to);
  void set_receiver(coro::waiter& receiver) noexcept { receiver_ = &receiver; }
  void forget_receiver(const coro::waiter& receiver) noexcept {
    if (receiver_ == &receiver) receiver_ = nullptr;
  }
  bool can_receive() const noexcept { return !inbox_.empty() || ended_; }
  std::optional<message> take();  // nullopt: the end
  [[noreturn]] void throw_closed() const;
  bool closed_ok() const;

  // --- sending
  send_state send(const payload& payload, send_options options);
  bool must_wait_to_send() const noexcept {
    return core_.buffered_amount() > write_limit_.high() && !ended_;
  }
  coro::wait_queue& senders() noexcept { return senders_; }
  coro::wait_queue& closing() noexcept { return closing_; }
  static task<duration> ping(std::shared_ptr<connection_impl> self, buffer data, limit limit);
  void pong(std::span<const std::byte> data);

  // --- ending
  static task<> close(std::shared_ptr<connection_impl> self, std::uint16_t code,
                      std::string reason);
  void start_close(std::uint16_t code, std::string_view reason);
  static task<> wait_closed(std::shared_ptr<connection_impl> self, limit limit);
  void abort() noexcept;
  std::stop_token stop_token();
  /// The owner is gone: closes in the background, or drops what is closed.
  void let_go(bool unwinding) noexcept;

  // --- looking
  bool ended() const noexcept { return ended_; }
  coro::executor& executor() noexcept { return loop_; }
  const protocol::connection& core() const noexcept { return core_; }
  const duplex::handshake& handshake() const noexcept { return handshake_; }
  const std::string& id() const;
  const tls_info* tls() const noexcept { return tls_.get(); }

 private:
  struct pending_ping;

  // io::stream_events
  std::span<std::byte> read_space() override;
  void on_data(std::size_t count) override;
  void on_eof() override;
  void on_error(std::error_code error) override;
  void on_written() override;
  void expired() override;       // of coro::timer: the core's deadline
  void run_deferred() override;  // flush, and a step of held input
  void executor_ends() noexcept override { abort(); }

  template <class Function>
  void guard(Function function) noexcept;
  void process_input();
  void process_end();
  void deliver(protocol::event& event);
  bool must_pause() const noexcept;
  void pause();
  void resume_input();
  void step();
  void tell_progress();
  void flush_soon() {
    if (!parsing_) defer();
  }
  void flush();
  void settle();
  void end() noexcept;
  void log(log_level level, std::string_view message) const noexcept;

  io::loop& loop_;
  std::unique_ptr<io::stream> stream_;
  protocol::connection core_;
  inbox inbox_;
  water_marks write_limit_;
  std::size_t read_limit_;
  std::span<std::byte> read_space_;
  std::size_t in_flight_ = 0;  // bytes the stream has taken and not yet written

  coro::waiter* receiver_ = nullptr;
  coro::wait_queue senders_, closing_;
  pending_ping* pings_ = nullptr;
  std::optional<std::stop_source> stop_source_;

  std::shared_ptr<const logger> logger_;
  duplex::handshake handshake_;
  std::shared_ptr<const tls_info> tls_;
  mutable std::string id_;

  bool reading_direct_ = false;  // read_space_ belongs to the core's message
  bool parsing_ = false;         // inside process_input: it flushes at its end
  bool paused_ = false;          // the inbox is full
  bool stepping_ = false;        // held input is parsed in steps
  bool eof_ = false;             // the stream brings nothing more
  bool shut_down_ = false;
  bool ended_ = false;  // nothing at all will follow
};

}  // namespace duplex::detail
