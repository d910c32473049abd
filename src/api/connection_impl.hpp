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

#include "api/outgoing_message.hpp"
#include "api/topics.hpp"

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
    return buffered_amount() > write_limit_.high() && !ended_;
  }
  /// Never waits: what the message's options say becomes of it where the connection is slow. One
  /// that is not open is passed over; what fails is logged.
  void broadcast(const shared_message& message) noexcept;
  coro::wait_queue& senders() noexcept { return senders_; }
  coro::wait_queue& closing() noexcept { return closing_; }
  static task<duration> ping(std::shared_ptr<connection_impl> self, buffer data, limit limit);
  void pong(std::span<const std::byte> data);

  // --- sending and receiving in fragments
  static task<> send_fragment(std::shared_ptr<connection_impl> self, fragmented_message& message,
                              payload fragment, limit limit);
  static task<> finish_fragments(std::shared_ptr<connection_impl> self, fragmented_message& message,
                                 limit limit);
  void give_up(const fragmented_message& message) noexcept;
  /// Waits for a message to begin, and takes it.
  static task<message::type> begin_stream(std::shared_ptr<connection_impl> self, limit limit);
  static task<std::optional<message>> next_of_stream(std::shared_ptr<connection_impl> self,
                                                     limit limit);
  bool stream_is_taken() const noexcept;  // by someone who is not at its end
  void skip_stream() noexcept;

  // --- topics
  void set_topics(std::shared_ptr<topic_table> topics) noexcept { topics_ = std::move(topics); }
  topic_table& topics() const;
  std::unique_ptr<topic_table::memberships>& memberships() noexcept { return memberships_; }

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
  /// What waits to be written, in the core or until it may go there: what the marks are held to.
  std::size_t buffered_amount() const noexcept { return core_.buffered_amount() + held_bytes_; }
  /// The same for whoever asks: with what TLS has taken and the system has not.
  std::size_t bytes_unsent() const;
  connection_stats stats() const;
  io::loop_handle loop_handle() const { return loop_.handle(); }
  const std::string& id() const;
  const tls_info* tls() const noexcept { return tls_.get(); }

 private:
  struct pending_ping;
  struct held_messages;
  struct incoming_stream;

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
  bool stream_is_full() const noexcept;
  void add_to_stream(message fragment, bool last);
  void begin_streaming();
  void end_streaming();
  void read_on();
  void refuse_second_receiver() const;
  static task<> wait_for_fragment(std::shared_ptr<connection_impl> self, limit limit);
  static task<> wait_until_open(std::shared_ptr<connection_impl> self, limit limit);
  static task<> wait_for_room(std::shared_ptr<connection_impl> self, limit limit);
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
  void wake_senders_and_readers() noexcept;
  bool is_slow() const noexcept;
  void queue(const shared_message& message);
  void hold_back(shared_message message);
  void hold_latest(const shared_message& message);
  void send_held_back();
  bool send_held_latest();
  void log(log_level level, std::string_view message) const noexcept;
  void keep_trace(std::string_view line) noexcept;
  void log_trace() noexcept;
  void log_open() const;
  void log_end() const noexcept;

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

  std::unique_ptr<held_messages> held_;                 // messages that wait outside the core
  std::unique_ptr<incoming_stream> stream_of_message_;  // messages are received in fragments
  std::size_t held_bytes_ = 0;                          // of them, those held back in order
  fragmented_message* fragmented_ = nullptr;            // is being sent
  coro::wait_queue fragment_turn_;
  std::shared_ptr<topic_table> topics_;
  std::unique_ptr<topic_table::memberships> memberships_;

  std::shared_ptr<const logger> logger_;
  std::vector<std::string> traced_;  // lines for the log, where it wants debug records
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
