// The way from a session into the live stream that hears its audio.
#pragma once

#include <chrono>
#include <duplex/buffer.hpp>
#include <functional>
#include <memory>

#include "speech/recognizer.hpp"
#include "speech/session/client_message.hpp"

namespace duplex::speech {

class session;

/// What a session puts into its stream, in order. Nothing here decodes, waits or throws, nor calls
/// the session back: events are handed to `session::handle` later, on the thread of the session.
/// The destructor cancels: work that is queued or running ends within a token.
class stream_port {
 public:
  virtual ~stream_port() = default;

  /// The next bytes, of any size and cut anywhere. A client may send them one by one: what waits
  /// should cost little more than its bytes.
  virtual void audio(buffer bytes) = 0;
  /// Ends the open segment after the audio so far.
  virtual void flush() = 0;
  /// No more audio: all finals, then `stream_finished`. Comes once, and nothing follows.
  virtual void finish() = 0;
  /// Audio between two partials from now on; 0: none.
  virtual void set_partials(std::chrono::milliseconds interval) = 0;
};

/// Begins a stream of `model` as `start` says, for the session `owner`, which may be gone when an
/// event is ready. May throw `speech_error`: the client is told and the session does not come to
/// be.
using stream_starter = std::function<std::unique_ptr<stream_port>(
    const recognizer& model, const start_message& start, std::weak_ptr<session> owner)>;

}  // namespace duplex::speech
