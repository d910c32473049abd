// What the server of `duplex.speech.v1` says: events as values, and their JSON.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "speech/error.hpp"
#include "speech/recognizer.hpp"
#include "speech/session/client_message.hpp"

namespace duplex::speech {

/// `started`: the session is there, and what it keeps to.
struct started_event {
  std::string session;
  std::string resume_token;  ///< Empty: the session cannot be resumed, and the field is left out.
  std::chrono::milliseconds window{0};   ///< Audio that may wait: `limits.window_ms` ...
  std::int64_t window_bytes = 0;         ///< ... and in bytes, which count.
  std::size_t max_message = 0;           ///< Bytes.
  std::chrono::milliseconds idle{0};     ///< Longest time without a message.
  std::chrono::milliseconds longest{0};  ///< Of the session.
  start_message effective;               ///< What was understood, with the names that were chosen.
};

/// `partial`: the open segment so far, in place of what was said of it before.
struct partial_event {
  partial_transcript transcript;
  std::int64_t revision = 0;         ///< 1, 2, ... within a segment.
  std::chrono::milliseconds lag{0};  ///< Since the audio at its end was received.
};

/// `final`: a segment's text, for good.
struct final_event {
  final_transcript transcript;
  std::string lang;
  bool words = false;                ///< Whether they are told.
  std::chrono::milliseconds lag{0};  ///< Since the audio at its end was received.
};

/// `ack`: audio that arrived, and audio that is done with: bytes from the start of the session.
struct ack_event {
  std::int64_t received = 0;
  std::int64_t processed = 0;
  std::chrono::milliseconds window{0};
};

/// `progress`, after `stop`: how far the rest is decoded.
struct progress_event {
  std::int64_t received = 0;  ///< Bytes, as an ack's.
  std::int64_t processed = 0;
};

/// `stats`, before `done`: how the session went.
struct stats_event {
  std::int64_t received = 0;  ///< Bytes.
  std::int64_t partials = 0;
  std::int64_t finals = 0;
  std::chrono::milliseconds lag_max{0};  ///< The largest of a partial or final.
  std::chrono::milliseconds stop_to_done{0};
};

/// `warning`: the session will end with an error of this code, in so much time or audio.
struct warning_event {
  error_code code = error_code::session_limit;
  std::chrono::milliseconds in{0};
};

/// `draining`: the server is about to end; what it received is decoded, and no more is taken.
struct draining_event {
  std::chrono::milliseconds deadline{0};
};

/// `resumed`, first on the new connection; events follow from `replay_from`.
struct resumed_event {
  std::int64_t received = 0;  ///< Bytes of audio that arrived: the client goes on there.
  std::int64_t replay_from = 0;
};

struct error_event {
  error_code code = error_code::internal;
  std::string message;
  bool fatal = true;  ///< The close follows. Otherwise only the message it answers had no effect.
  std::chrono::milliseconds retry_after{0};  ///< 0: trying again does not help by itself.
};

/// `done`: all finals were sent; the close with 1000 follows.
struct done_event {
  std::chrono::milliseconds audio{0};
  std::int64_t segments = 0;
  std::string text;  ///< Of all finals, joined by `append_segment`.
};

using server_message =
    std::variant<started_event, speech_started, speech_ended, partial_event, final_event, ack_event,
                 progress_event, stats_event, warning_event, draining_event, resumed_event,
                 error_event, done_event>;

/// The value of its `type`.
std::string_view type_of(const server_message& message);

/// One line of JSON, valid UTF-8 whatever a model said. `seq` numbers the events of a session from
/// 1; 0 is for what is about a connection alone: `resumed`, errors where there is no session, and
/// that the session goes on elsewhere.
std::string write(const server_message& message, std::int64_t seq);

/// The code that closes a connection after an error: 1003, 1007, 1008, 1009, 1011, 1012 or 1013.
std::uint16_t close_code_of(error_code code);

/// Whether the same again may go well after a while: the error then has `retry_after_ms`.
bool is_worth_retrying(error_code code);

}  // namespace duplex::speech
