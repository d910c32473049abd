// Begins sessions, and keeps those whose connection broke for their clients to come back.
#pragma once

#include <cstddef>
#include <deque>
#include <duplex/protocol/types.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

#include "speech/model_set.hpp"
#include "speech/session/session.hpp"

namespace duplex::speech {

/// What all sessions together may cost. Of those without a connection, the oldest of the peer that
/// has the most gives way: nobody loses his to another who leaves ever more behind.
struct store_limits {
  session_limits session = {};
  std::size_t kept_sessions = 1'000;
  std::size_t kept_bytes = std::size_t{64} << 20;
  /// Of audio that waits beyond the windows of its sessions.
  std::size_t beyond_windows = std::size_t{64} << 20;
};

/// The sessions of a server. Belongs to one thread; time is an argument.
class session_store {
 public:
  /// `models` must outlive the store. `random` makes names and tokens of sessions.
  session_store(
      const model_set& models, stream_starter starter, store_limits limits = {},
      error_observer errors = [](error_code, std::string_view, const std::string&) {},
      protocol::random_source random = protocol::system_random());

  const session_limits& limits() const { return limits_.session; }

  /// Begins a session. Throws `speech_error`: `model_not_found`, `bad_field` for a language the
  /// model does not have, `draining`, and what the `stream_starter` throws.
  std::shared_ptr<session> start(const start_message& message, time_point now);

  /// Goes on with a session, which may still have another connection, as `session::attach` does.
  /// Throws `speech_error`: `resume_unknown` where there is none of that name and token,
  /// `resume_expired` where there was one, `draining`, and as `session::attach`.
  std::shared_ptr<session> resume(const resume_message& message, std::function<void()> changed,
                                  time_point now);

  /// The connection of `it`, from that address, broke: keeps it for `session_limits::kept`, if it
  /// may be resumed.
  void keep(const std::shared_ptr<session>& it, const std::string& peer, time_point now);

  /// Ends `it` and forgets it.
  void drop(const std::shared_ptr<session>& it);

  /// The server ends: no session begins or goes on, and those without a connection end. The others
  /// are drained by their links.
  void drain();

  /// A connection is told of an error that is not its session's.
  void count(error_code code, std::string_view message) const { errors_(code, message, {}); }

  /// Sessions kept without a connection.
  std::size_t kept() const { return waiting_.size(); }

  /// When `advance` ends a session that was kept, if there is one.
  std::optional<time_point> deadline() const;
  void advance(time_point now);

 private:
  struct known {
    std::string token;
    std::shared_ptr<session> it;  // empty: it expired
  };
  struct waiting {
    std::shared_ptr<session> it;
    time_point until;
    std::string peer;
  };
  using place = std::deque<waiting>::iterator;

  void expire(place which);
  template <class Measure>
  place oldest_of_largest(Measure measure);
  std::size_t kept_bytes() const;
  std::string random_name(std::size_t bytes);

  const model_set* models_;
  stream_starter starter_;
  store_limits limits_;
  error_observer errors_;
  std::shared_ptr<memory_budget> beyond_;
  protocol::random_source random_;
  bool draining_ = false;
  std::unordered_map<std::string, known> resumable_;  // by name
  std::deque<waiting> waiting_;                       // the oldest first
  std::deque<std::string> expired_;                   // names, the oldest first
};

}  // namespace duplex::speech
