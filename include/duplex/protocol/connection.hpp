// One side of an open WebSocket connection without any I/O: bytes and time in, messages and bytes
// out.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <duplex/close_code.hpp>
#include <duplex/message.hpp>
#include <duplex/protocol/extension.hpp>
#include <duplex/protocol/frame.hpp>
#include <duplex/protocol/outbox.hpp>
#include <duplex/protocol/types.hpp>
#include <duplex/protocol/utf8.hpp>
#include <duplex/stats.hpp>

namespace duplex::protocol {

/// Limits and times of a connection; nullopt switches one off.
struct connection_settings {
  std::optional<std::size_t> max_size = std::size_t{1} << 20;  ///< bytes of a message
  std::optional<std::size_t> max_frame_size = {};              ///< payload bytes of a frame
  std::optional<std::size_t> max_fragments = {};               ///< frames of a message
  std::optional<duration> ping_interval = std::chrono::seconds(20);
  std::optional<duration> ping_timeout = std::chrono::seconds(20);
  std::optional<duration> close_timeout = std::chrono::seconds(10);
};

/// What `next_event` tells.
struct event {
  enum class type : unsigned char {
    message,   ///< `payload` is a complete message
    fragment,  ///< `payload` is the next part of one, see `receive_fragments`
    ping,      ///< answered already; `payload` has its bytes
    pong,      ///< answers the pings up to `ping_id`, if it answers one of ours
    close,     ///< the peer's close frame came, or the connection failed: no more messages follow
  };
  type kind;
  bool last = true;  ///< of a fragment: it ends its message
  message payload = {};
  std::optional<std::uint64_t> ping_id = {};
};

/// One message framed for many connections by `connection::frame_once`.
struct shared_frame {
  shared_bytes bytes = {};
  bool encoded = false;  ///< extensions changed it
  message::type type = message::type::text;
  std::span<const std::byte> payload = {};  ///< what was framed, kept by whoever had it framed
};

/// The state machine of RFC 6455 after the opening handshake, for both sides.
///
/// The five verbs and what the caller does after each:
///
///     receive_data(bytes, now)   bytes came        then call next_event until it gives nullopt
///     receive_eof()              the peer's end    the same
///     next_event()               parse a little    deliver the event before the next call
///     data_to_send()             what to write     write, then data_sent(n), until it is empty
///     send_*, advance            say something     then data_to_send
///
/// and, after any of them, `wants_shutdown`, `wants_abort` and `deadline`. A transport that breaks
/// or is dropped is told by receive_eof too; after it the state is closed as soon as next_event
/// has given out what had come before.
///
/// A peer that breaks the protocol never causes an exception: the connection fails, that is, it
/// has a close frame to send whose reason says what was wrong, and discards what else comes
/// (section 7.1.7). What an extension throws, or a lack of memory midway, drops it. Not
/// thread-safe; no reference to anything is kept but the spans lent.
class connection {
 public:
  connection(protocol::side, connection_settings, time_point now, random_source = system_random());

  /// What the handshake agreed on; before anything is received or sent.
  void set_extensions(extension_list extensions);

  /// Takes the lines of a debug log: every frame and change of state, in the words and with the
  /// marks of Python's websockets: `>` sent, `<` received, `=` state, `%` keepalive, `!` error.
  using trace = std::function<void(std::string_view line)>;
  /// From now on told to `to`, which must not call the connection; of a payload at most
  /// `payload_max` characters, at least 12.
  void set_trace(trace to, std::size_t payload_max = 75);

  // --- bytes in

  /// Lends received bytes, which must live until `next_event` gives nullopt, or `hold_input`.
  /// What is left of bytes lent before is held. Ignored after the end.
  void receive_data(std::span<const std::byte> bytes, time_point now);
  /// Space in the message being assembled for its next payload bytes, so that a large payload is
  /// read to where it stays; empty where the next bytes are anything else or too few to matter.
  /// Valid until the next call of anything.
  std::span<std::byte> direct_read_space();
  /// The first `count` bytes of that space have been filled; then call next_event as usual.
  void receive_direct(std::size_t count, time_point now);
  /// The peer will send nothing more.
  void receive_eof();
  /// The transport is gone and nothing it brought is of use any more: the state is closed at once.
  void drop() noexcept;
  /// Copies what is left of the bytes lent, so that parsing can go on later.
  void hold_input();
  /// Parses up to the next event. Bad frames fail the connection only when parsing comes to them:
  /// all complete messages before have been given out by then.
  std::optional<event> next_event();
  /// The short way to the next event where it is a message whose one frame has come whole, of at
  /// most 65535 bytes: puts it in `to`. False, and nothing is changed: `next_event` tells.
  bool next_whole_message(std::optional<message>& to);
  /// From now on messages are told in parts, as they come, so that one of any size needs little
  /// memory: max_size limits none. The parts of a text are valid texts. Their ends are not those of
  /// the peer's fragments. A small message can still come whole, as a `message` event.
  void receive_fragments();
  /// From now on messages are told whole again. `begun` is what was told in parts of the one under
  /// way, if its last part was not, and comes back with its rest.
  void receive_whole(buffer begun = {});
  /// Between the start of a received message and its end.
  bool in_message() const { return in_message_; }

  // --- bytes out

  /// What is to be written now, in order; either span can be empty. Good until the next call of
  /// anything that is not const.
  std::array<std::span<const std::byte>, 2> data_to_send() const { return outbox_.pending(); }
  /// The first `count` of those bytes were written; of bytes given away, once they are. Fewer than
  /// all means that the socket is full: until the rest is written only the latest pong is kept
  /// (section 5.5.3).
  void data_sent(std::size_t count);
  /// Gives away all of those bytes, owned (what was lent is copied), for a transport that writes
  /// them when the socket has room: it is full now. They count as buffered until `data_sent` has
  /// told of as many bytes.
  buffer take_data_to_send();
  /// Copies what is left of a payload lent with `send`, whose owner is about to go.
  void hold_output() { outbox_.hold(); }
  /// Bytes to be written, those given away included.
  std::size_t buffered_amount() const { return outbox_.size() + in_flight_; }

  // --- saying something; all throw invalid_state unless the state is open

  /// Queues a whole message. `lend` allows payloads that need no change to be written from where
  /// they are: they must live until written or `hold_output`. `compress` is send_options::compress.
  void send(message::type, std::span<const std::byte> payload, bool lend = false,
            std::optional<bool> compress = {});
  /// Queues a fragment; `compress` and the type of the message count for its first. Messages cannot
  /// be sent between the fragments of another; that throws invalid_state too.
  void send_fragment(message::type, std::span<const std::byte> payload, bool last,
                     std::optional<bool> compress = {});
  /// Between the first fragment of a message to be sent and its last.
  bool sending_fragments() const { return sending_fragments_; }
  /// Connections with the same key frame a message alike where it refers to no earlier one. None:
  /// a client, which masks, or a connection with an extension that shares with nobody.
  std::optional<std::string> sharing_key() const;
  /// Frames a whole message for all connections that have this one's key, this one included.
  shared_frame frame_once(message::type, std::span<const std::byte> payload,
                          std::optional<bool> compress = {});
  /// Queues a message framed by a connection with the same key; a large one is not copied.
  void send_shared(const shared_frame&);
  /// Queues a ping of up to 125 bytes (std::invalid_argument beyond) and gives its id, which the
  /// event of the pong that answers it, or a later ping, repeats or exceeds.
  std::uint64_t send_ping(std::span<const std::byte> payload, time_point now);
  void send_pong(std::span<const std::byte> payload);
  /// Starts the closing handshake. Throws as `check_close`. Does nothing where it was started
  /// already.
  void send_close(std::uint16_t code, std::string_view reason, time_point now);
  /// std::invalid_argument: a code that may not be sent, a reason of more than 123 bytes or that is
  /// not UTF-8.
  static void check_close(std::uint16_t code, std::string_view reason);
  /// Fails the connection (section 7.1.7): sends a close frame, if none was sent, and discards what
  /// else comes; next_event has the `close` event. The reason is cut to 123 bytes.
  void fail(duplex::close_code, std::string reason);

  // --- time

  /// When `advance` should next be called; nullopt: when anything else happens. It may move while
  /// bytes come; calling early does no harm.
  std::optional<time_point> deadline() const;
  /// Time has passed: may send a keepalive ping, fail with "keepalive ping timeout", or give up a
  /// close that takes too long. Before it gives a silent peer up it asks for one call more, a
  /// moment later: a caller that comes late may have been away while the peer's bytes waited.
  void advance(time_point now);
  /// While the application refuses more input, silence proves nothing against the peer. A socket
  /// that stays full does: a peer that reads nothing for ping_interval + ping_timeout is dropped.
  void suspend_keepalive(bool suspended, time_point now);

  // --- what the transport should do, after the data to send is written

  /// Half-close: nothing more will be sent.
  bool wants_shutdown() const;
  /// Drop the connection now, whether or not everything was written.
  bool wants_abort() const { return abort_; }

  // --- how it stands

  protocol::state state() const { return state_; }
  const std::optional<close_info>& close_rcvd() const { return close_rcvd_; }
  const std::optional<close_info>& close_sent() const { return close_sent_; }
  std::optional<bool> rcvd_then_sent() const;
  /// The code received; 1005 for an empty close frame, 1006 for none; nullopt before the end.
  std::optional<std::uint16_t> close_code() const;
  std::string_view close_reason() const;
  /// Round trip of the last ping answered.
  std::optional<duration> latency() const { return latency_; }
  /// All but what an application has queued of the messages received.
  connection_stats stats() const;
  const connection_settings& settings() const { return settings_; }
  protocol::side side() const { return side_; }

 private:
  struct ping {
    std::uint64_t id;
    time_point sent;
    buffer payload;
  };

  // in: header, then payload, then what a complete frame means
  bool read_header();
  bool begin_frame(const frame_header&);
  bool read_payload();
  bool read_encoded_payload();
  bool decode(std::span<const std::byte> bytes, bool last);
  bool receive_payload(std::size_t count);
  std::span<const std::byte> received_payload() const;
  bool check_text(std::span<const std::byte> bytes);
  std::optional<event> finish_message();
  std::optional<event> take_fragment(bool last);
  bool fragment_is_full() const;
  std::optional<event> finish_control();
  event receive_ping();
  event receive_pong();
  void receive_close();
  std::optional<event> finish_input();
  void discard_input() noexcept;
  void heard_from_peer(time_point now);

  // log
  struct tracing {
    trace to;
    std::size_t payload_max;
  };
  void trace_line(const std::string& line) const noexcept;
  void trace_frame(char mark, opcode, bool fin, std::span<const std::byte> payload) const noexcept;
  void set_state(protocol::state) noexcept;

  // out
  void require_open() const {
    if (state_ != state::open) throw_cannot_send();
  }
  [[noreturn]] void throw_cannot_send() const;
  void write_frame(opcode, bool fin, std::span<const std::byte> payload, bool lend = false);
  void put_frame(opcode, bool fin, std::span<const std::byte> payload, bool lend,
                 unsigned char reserved_bits);
  void put_masked_frame(opcode, bool fin, std::span<const std::byte> payload,
                        unsigned char reserved_bits);
  void write_fragment(message::type, outgoing_fragment, bool lend);
  void write_waiting_pong();
  void write_close(close_info);
  bool has_stalled(time_point now);
  void send_keepalive(time_point now);
  void restart_close_timeout();

  connection_settings settings_;
  random_source random_;
  protocol::side side_;
  protocol::state state_ = protocol::state::open;
  std::unique_ptr<extension_chain> extensions_;  // nullptr: none were agreed on
  std::unique_ptr<const tracing> trace_;         // nullptr: nobody listens

  // Bytes not yet parsed: lent ones, or those in held_. Nothing is left in them when next_event has
  // given nullopt: a header that is cut goes to header_bytes_, a payload to message_ or control_.
  std::span<const std::byte> input_;
  buffer held_;
  std::array<std::byte, frame_header_size_max> header_bytes_;
  unsigned char header_count_ = 0;
  bool in_frame_ = false;
  bool in_message_ = false;  // between the start of a message and its end
  bool decoding_ = false;    // extensions changed that message
  bool eof_ = false;
  bool in_parts_ = false;  // messages are told in parts
  bool discarding_ = false;
  bool close_told_ = false;
  frame_header frame_;
  std::uint64_t payload_left_ = 0;  // of frame_
  std::size_t frame_start_ = 0;     // of a data frame's payload in message_
  std::size_t fragments_ = 0;       // of the message so far
  buffer message_;
  message::type message_type_ = message::type::text;
  utf8_validator text_;
  buffer control_;
  std::uint64_t bytes_received_ = 0, messages_received_ = 0;

  outbox outbox_;
  std::size_t in_flight_ = 0;  // bytes given away and not yet written
  bool blocked_ = false;       // the socket took less than it was given
  bool sending_fragments_ = false;
  std::optional<buffer> waiting_pong_;
  std::uint64_t bytes_sent_ = 0, messages_sent_ = 0;
  compression_stats received_, sent_;

  std::vector<ping> pings_;  // not answered, oldest first
  std::uint64_t last_ping_id_ = 0;
  std::optional<duration> latency_;

  time_point now_;  // the latest seen
  std::optional<time_point> next_ping_;
  std::optional<time_point> silence_deadline_;
  bool silent_since_ping_ = false;  // a keepalive ping went out and nothing came since
  bool last_look_ = false;          // silence_deadline_ passed once
  bool progressed_ = false;         // a full socket took bytes since the silence was last judged
  bool keepalive_suspended_ = false;
  std::optional<time_point> stalled_since_;  // while suspended: the socket stays full
  std::optional<time_point> close_deadline_;
  bool close_timeout_starts_ = false;  // with the next call of advance
  bool abort_when_written_ = false;
  bool abort_ = false;

  std::optional<close_info> close_rcvd_, close_sent_;
  bool rcvd_first_ = false;
};

}  // namespace duplex::protocol
