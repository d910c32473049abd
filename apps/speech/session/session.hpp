// One session of `duplex.speech.v1`, from `started` to `done` or an error, without I/O.
#pragma once

#include <chrono>
#include <cstdint>
#include <duplex/buffer.hpp>
#include <duplex/close_code.hpp>
#include <duplex/protocol/types.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "speech/error.hpp"
#include "speech/memory_budget.hpp"
#include "speech/recognizer.hpp"
#include "speech/session/audio_window.hpp"
#include "speech/session/client_message.hpp"
#include "speech/session/event_log.hpp"
#include "speech/session/server_message.hpp"
#include "speech/session/stream_port.hpp"
#include "speech/session/transcript_order.hpp"
#include "speech/stream/event.hpp"

namespace duplex::speech {

using protocol::time_point;

/// Told of each error that a client is told of, fatal or not, with the message and the session's
/// id.
using error_observer =
    std::function<void(error_code, std::string_view message, const std::string& id)>;

/// What one session may cost.
struct session_limits {
  window_limits window = {};
  std::size_t message_max = std::size_t{1} << 20;  ///< Bytes of one message, text or audio.
  std::chrono::milliseconds idle{60'000};          ///< Without a message of the client.
  std::chrono::milliseconds longest{4 * 3'600'000};
  std::chrono::milliseconds finish{60'000};         ///< From `stop` to the last final.
  std::chrono::milliseconds kept{30'000};           ///< After its connection broke.
  std::chrono::milliseconds farewell{10'000};       ///< For the client to read its end.
  std::size_t events_max = std::size_t{512} << 10;  ///< Bytes of events: unsent, or to be resumed.
  std::chrono::milliseconds retry_after{5'000};     ///< Told to clients that should come again.
};

/// What is told to a client that said nothing for too long.
std::string idle_message(const session_limits& limits);

/// What a session is known by.
struct session_identity {
  std::string id;
  std::string token;  ///< Secret; needed to resume.
};

/// The state of a session: messages and events in, messages and a close out, and audio on its way
/// into the stream.
///
/// It outlives its connection if the client asked for that. What a connection does goes through a
/// `session_link`; the server itself only hands over the events of the stream (`handle`). Belongs
/// to one thread. Time is an argument, and never goes back.
class session {
 public:
  /// Of `model`, with `start` as the client gave it. `begin` follows. `beyond` is for the audio of
  /// all sessions that waits beyond their windows.
  session(session_identity identity, const recognizer& model, start_message start,
          const session_limits& limits, std::shared_ptr<memory_budget> beyond,
          error_observer errors, time_point now);

  /// Starts the stream and says `started`. Throws what `starter` throws: `speech_error`.
  void begin(const stream_starter& starter, const std::shared_ptr<session>& self);

  const session_identity& identity() const { return identity_; }
  const start_message& effective() const { return start_; }
  /// What it was told and said so far, for logs and metrics.
  const stats_event& stats() const { return stats_; }
  const audio_window& audio() const { return audio_; }
  /// The error that ended it, if one did.
  const std::optional<error_code>& failure() const { return failure_; }

  /// The next event of the stream, in the stream's order. `lag` is the time since the audio at the
  /// event's end was received.
  void handle(const stream_event& event, std::chrono::milliseconds lag, time_point now);

  // What follows is for `session_link` and `session_store`.

  /// Goes on at a connection, after the event `last_seq` it has seen; `changed` is called when
  /// there is something new to send. Whoever was there before is told by `changed`, and by the
  /// number that is returned: the present one is `attachment()`. Throws `speech_error`:
  /// `resume_expired` if the events are not held any more, `bad_field` if `last_seq` never was.
  std::uint64_t attach(std::function<void()> changed, std::int64_t last_seq, time_point now);
  std::uint64_t attachment() const { return attachment_; }
  /// The connection is gone; what is said from now on waits for the next.
  void detach();
  bool is_attached() const { return changed_ != nullptr; }
  /// Ends it without a word: nobody will be there to hear one.
  void abandon() noexcept;

  void receive(const client_message& message, time_point now);
  void receive_audio(buffer audio, time_point now);
  /// A message that could not be understood, or not now: without effect, but for `bad_json` and
  /// `message_too_big`, which end the session.
  void refuse(const speech_error& error, time_point now);
  /// The server ends: what came is decoded until `deadline`.
  void drain(time_point deadline, time_point now);

  std::optional<std::string> next_message() { return log_.take(); }
  std::int64_t last_sent() const { return log_.sent(); }
  /// How the connection is to be closed, once everything was sent.
  const std::optional<close_info>& close() const { return close_; }
  bool has_unsent() const { return log_.has_unsent(); }
  /// Whether the session is over: nothing new will be said.
  bool is_finished() const { return state_ == state::finished; }
  /// Whether messages may come; otherwise they should stay unread.
  bool wants_input() const {
    return start_.acks || state_ != state::streaming || !audio_.is_full();
  }
  /// Bytes it holds: events, text, and audio that waits.
  std::size_t memory() const;

  /// When `advance` has something to do, if nothing else happens before.
  std::optional<time_point> deadline() const;
  void advance(time_point now);

 private:
  // Streaming; finals are on their way, asked for by the client or because the server ends it;
  // over.
  enum class state { streaming, stopping, ending, finished };

  void say(const server_message& message);
  void notify() const;
  void finish_stream(state next, time_point deadline);
  void end_with(error_code code, std::string message, time_point deadline);
  void close_with(close_info how, const server_message& last);
  void fail(error_code code, const std::string& message);
  void obey(const client_message& message, time_point now);
  void tell_partial(const partial_transcript& partial, std::chrono::milliseconds lag);
  void tell_final(const final_transcript& final, std::chrono::milliseconds lag);
  void tell_progress(std::int64_t processed, time_point now);
  void tell_end(std::chrono::milliseconds audio, time_point now);
  void tell_done(std::chrono::milliseconds audio);
  void warn_of_limit(time_point now);
  void warn_of_overload();
  bool is_idle_counted() const;

  session_identity identity_;
  const recognizer* model_;
  start_message start_;  // with the names that were chosen
  session_limits limits_;
  error_observer errors_;
  state state_ = state::streaming;
  std::unique_ptr<stream_port> stream_;

  audio_window audio_;
  memory_share beyond_;  // of audio_: what waits beyond its window
  std::int64_t acked_ = 0;
  std::optional<std::int64_t> flushed_;  // position of the last flush
  bool told_late_audio_ = false;
  bool warned_of_limit_ = false, warned_of_overload_ = false;

  transcript_order order_;
  std::string text_;
  stats_event stats_;
  std::optional<error_code> failure_;

  event_log log_;
  std::optional<close_info> close_;
  std::function<void()> changed_;
  std::uint64_t attachment_ = 0;

  time_point begun_, heard_;
  std::optional<time_point> stopped_, finish_by_;
  std::optional<speech_error> ending_;  // why the server ends it
};

}  // namespace duplex::speech
