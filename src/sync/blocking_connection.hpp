// What is behind a blocking connection: the protocol's core, a transport, and who may use which.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <duplex/coro/limit.hpp>
#include <duplex/http.hpp>
#include <duplex/inbox.hpp>
#include <duplex/io/address.hpp>
#include <duplex/log.hpp>
#include <duplex/message.hpp>
#include <duplex/payload.hpp>
#include <duplex/protocol/connection.hpp>
#include <duplex/sync/client.hpp>

#include "protocol/client_plan.hpp"
#include "protocol/fragment_queue.hpp"
#include "sync/service.hpp"
#include "sync/transport.hpp"

namespace duplex::sync {

/// How long nobody has read a connection when the service thread takes over.
inline constexpr auto away_after = std::chrono::milliseconds(100);

/// What the opening handshake agreed on.
struct handshake_result {
  duplex::request request = {};
  duplex::response response = {};
  std::optional<std::string> subprotocol = {};
  std::shared_ptr<const tls_info> tls = {};
};

/// The blocking connection.
///
/// A mutex guards everything; nobody waits for the network with it held. Who waits for something
/// that the peer must send (a message, a pong, the end) takes the reader's role if it is free:
/// reads the socket, parses, and wakes the others, who wait on a condition. Whoever queues output
/// writes what fits at once; who must wait for room polls the socket.
///
/// The service thread does the rest: keepalive, output that nobody waits for, and reading where
/// the role has been free for a moment. Calls do not tell it about themselves: it looks now and
/// then while they go on, and only a reader it found waiting for longer wakes it, once, when done.
class blocking_connection final : private serviced {
 public:
  /// Takes over a transport whose handshake is done; `rest` came after it.
  blocking_connection(std::unique_ptr<transport> transport, handshake_result handshake,
                      protocol::extension_list extensions, std::span<const std::byte> rest,
                      const detail::client_plan& plan);
  ~blocking_connection();
  blocking_connection(const blocking_connection&) = delete;
  blocking_connection& operator=(const blocking_connection&) = delete;

  // The calls of client_connection, one for one.
  message recv(const limit& limit);
  std::optional<message> next(const limit& limit);
  void send(const payload& payload, send_options options, const limit& limit);
  void send_fragment(fragmented_message& message, const payload& fragment, const limit& limit);
  void finish_fragments(fragmented_message& message, const limit& limit);
  void give_up(const fragmented_message& message) noexcept;
  /// Waits for a message to begin, and takes it.
  message::type begin_stream(const limit& limit);
  /// `ended` is set where it is the last.
  std::optional<message> next_of_stream(bool& ended, const limit& limit);
  void skip_stream() noexcept;
  duration ping(std::span<const std::byte> data, const limit& limit);
  void pong(std::span<const std::byte> data);
  void close(std::uint16_t code, std::string_view reason);
  void abort();
  /// What the destructor of its owner does.
  void finish() noexcept;

  const std::string& id() const noexcept { return id_; }
  const address& local_address() const noexcept { return local_address_; }
  const address& remote_address() const noexcept { return remote_address_; }
  const handshake_result& handshake() const noexcept { return handshake_; }
  protocol::state state() const;
  std::optional<duration> latency() const;
  std::optional<std::uint16_t> close_code() const;
  std::string close_reason() const;
  std::size_t buffered_amount() const;
  connection_stats stats() const;

 private:
  class call;
  class reader_role;
  using goal = std::function<bool()>;
  // How far to parse what was read: what follows a message stays unparsed until recv has taken it,
  // so that what a peer did right counts even where its next byte is wrong.
  enum class parse_to : unsigned char { first_message, full_inbox };
  enum class wait_for : unsigned char { input, room };

  std::optional<message> receive(call& current, const limit& limit);
  void require_open(call& current, const limit& limit);
  void wait_for_turn(call& current, const limit& limit);
  void wait_for_fragment(call& current, const limit& limit);
  void wait_for_room(call& current, const limit& limit);
  void refuse_second_receiver() const;
  void end_streaming();
  void read_on();
  void wait_until_ended(call& current, const limit& limit, std::string_view doing);
  [[noreturn]] void throw_closed() const;

  // Waiting
  void wait(call& current, const limit& limit, std::string_view doing, const goal& reached,
            parse_to to = parse_to::full_inbox, wait_for what = wait_for::input);
  bool is_quiet();
  void read_quietly(call& current, const limit& limit);
  void poll(call& current, const limit& limit, bool may_read);
  void sleep(call& current, const limit& limit, const goal& reached);
  std::optional<clock::time_point> earliest_deadline(const limit& limit) const;
  void notify();
  wish look(clock::time_point now, short ready) noexcept override;
  wish serve(clock::time_point now, short ready) noexcept;
  /// A sink may do anything but is never called with the lock held.
  void unlock_and_log(std::unique_lock<std::mutex>& lock) noexcept;
  void log_end() const noexcept;
  wish next_wish(clock::time_point now);

  // Input and output, without blocking
  bool can_read() const;
  /// What the core has, and what TLS holds of it in records.
  std::size_t bytes_unsent() const;
  bool can_parse() const;
  bool has_received() const { return !inbox_.empty() || (fragments_ && !fragments_->empty()); }
  bool is_full() const { return inbox_.paused() || (fragments_ && fragments_->full()); }
  void read_now();
  void take_in(transfer read, bool direct);
  void parse(parse_to to);
  void deliver(protocol::event& event);
  void write_now();
  void advance(clock::time_point now);
  void settle();
  void drop();
  void end();

  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  unsigned sleepers_ = 0;  // on changed_

  std::unique_ptr<sync::transport> transport_;
  unsigned users_ = 0;   // threads in a system call on it
  bool full_ = false;    // it took less than it was given
  bool broken_ = false;  // nothing can be written; what came can still be read

  protocol::connection core_;
  inbox inbox_;
  std::optional<detail::fragment_queue> fragments_;  // messages are received in fragments
  bool whole_wanted_ = false;                        // recv was called since
  const fragmented_message* fragmented_ = nullptr;   // is being sent,
  std::thread::id fragmented_by_;                    // by this thread
  water_marks write_limit_;
  std::size_t read_limit_;
  std::unique_ptr<std::byte[]> read_space_;
  bool unparsed_ = false;   // the core has input, possibly lent from read_space_
  bool suspended_ = false;  // the core knows that the inbox is full
  bool ended_ = false;

  unsigned receivers_ = 0;  // threads in recv or next: one at most
  bool reading_ = false;    // a thread has the reader's role
  unsigned writers_ = 0;    // threads that wait for room
  std::uint64_t answered_ping_ = 0;
  clock::time_point answered_at_, heard_at_;

  // What the service thread remembers, and what it is told.
  unsigned reads_ = 0, reads_seen_ = 0;  // times the reader's role was given back
  clock::time_point away_at_;
  bool room_awaited_ = false;     // it polls for room
  bool wake_after_read_ = false;  // it found a reader
  bool wake_after_call_ = false;

  handshake_result handshake_;
  address local_address_, remote_address_;
  std::string id_;
  std::shared_ptr<const logger> logger_;
  std::vector<std::string> traced_;  // lines for the log, where it wants debug records
  bool end_logged_ = false;
  int uncaught_exceptions_;
  std::shared_ptr<service> service_;
};

}  // namespace duplex::sync
