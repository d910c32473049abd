// What a client of `duplex.speech.v1` says as text: parsed, with every type and range checked.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "speech/audio/pcm_format.hpp"
#include "speech/recognizer.hpp"

namespace duplex::speech {

/// `start`: what the audio is and what is wanted of it. Fields with a default may be left out or be
/// null.
struct start_message {
  pcm_format format = {};  ///< `format`, `rate` (both needed, but no rate for `auto`), `channels`.
  std::string model = {};  ///< `model`: empty is the server's first.
  std::string lang = {};   ///< `lang`: empty or `auto` is the model's own.
  stream_options cuts = {};  ///< `endpoint`: `silence_ms`, `max_ms`, `preroll_ms`, `patience_ms`.
  /// `partials.interval_ms`: audio between two partials of a segment, 100 to 10000 ms; 0: none.
  std::chrono::milliseconds partials{300};
  bool words = false;   ///< `words`: finals tell when each word was said, where the model does.
  bool acks = true;     ///< `acks`: the client keeps to the window. Without, reading is paused.
  bool resume = false;  ///< `resume`: keep the session for a while if the connection breaks.

  bool operator==(const start_message&) const = default;
};

/// `configure`: what may change in a session. Empty: as it was.
struct configure_message {
  std::optional<std::chrono::milliseconds> partials = {};
  std::optional<bool> words = {};

  bool operator==(const configure_message&) const = default;
};

struct flush_message {  ///< `flush`: the open segment ends here.
  bool operator==(const flush_message&) const = default;
};
struct stop_message {  ///< `stop`: no more audio; all finals, please.
  bool operator==(const stop_message&) const = default;
};
struct cancel_message {  ///< `cancel`: no more of anything.
  bool operator==(const cancel_message&) const = default;
};
struct keepalive_message {  ///< `keepalive`: still there, in silence.
  bool operator==(const keepalive_message&) const = default;
};

/// `resume`: goes on with a session whose connection broke, in place of `start`.
struct resume_message {
  std::string session = {};
  std::string token = {};
  std::int64_t last_seq = 0;  ///< The last event that arrived.

  bool operator==(const resume_message&) const = default;
};

using client_message = std::variant<start_message, configure_message, flush_message, stop_message,
                                    cancel_message, keepalive_message, resume_message>;

/// The value of `type` that a message of that kind has.
std::string_view type_of(const client_message& message);

/// Reads one text message. Throws `speech_error`: `bad_json` if it is no JSON object;
/// `unsupported_format` for audio that is not taken; `bad_field` for a field that is missing, has
/// the wrong type or a value out of its range, is there twice, or is not one of the message's:
/// whoever misspells `rate` is told so, instead of getting garbage. The error names the field and
/// its value.
client_message parse_client_message(std::string_view text);

/// The `start` that a request's query says, such as `format=pcm_s16le&rate=16000&words=true`: the
/// fields of the message without its nesting (`interval_ms`, `silence_ms` ... stand for
/// themselves), percent-encoded. `token` is the server's affair and passed over. Nothing if there
/// is no field: the client will send `start` or `resume`. Throws as `parse_client_message`.
std::optional<start_message> parse_start_query(std::string_view query);

}  // namespace duplex::speech
