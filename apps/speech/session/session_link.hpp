// What one WebSocket connection says and hears in `duplex.speech.v1`, without I/O.
#pragma once

#include <cstdint>
#include <duplex/buffer.hpp>
#include <duplex/close_code.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "speech/session/session.hpp"
#include "speech/session/session_store.hpp"

namespace duplex::speech {

/// One connection, from its opening to its end. The client's `start` begins a session, its `resume`
/// goes on with one; until then every error ends the connection.
///
/// After anything was done here, `changed` has been called if there is something new: then send
/// what `next_message` gives until it gives nothing, close the connection if `close` says so, and
/// look at `wants_input` and `deadline`. Belongs to the store's thread; time is an argument, and
/// nothing throws.
class session_link {
 public:
  /// `store` must outlive the link. `changed` is called within calls of the link, of its session
  /// and of the store, and must not call these back: it wakes whoever sends.
  /// `peer` is the address it comes from, without a port.
  session_link(session_store& store, std::string peer, std::function<void()> changed,
               time_point now);
  /// As `disconnected` with 1000, where that was not called.
  ~session_link();
  session_link(const session_link&) = delete;
  session_link& operator=(const session_link&) = delete;

  /// The query of the request, first of all: with `format` and the like it is a `start`.
  void receive_query(std::string_view query, time_point now);
  void receive_text(std::string_view text, time_point now);
  void receive_audio(buffer audio, time_point now);

  /// Ends the connection for a reason of the server's: `unauthorized`, `too_many_sessions` ...
  void refuse(error_code code, const std::string& message);

  /// The server ends. Of a session, what came is decoded until `deadline`.
  void drain(time_point deadline, time_point now);

  /// The connection has ended, with that code (1006: without a close). Unless the client meant it,
  /// by 1000 or 1001, or the session had said all, the session is kept to be resumed. Only
  /// destruction may follow.
  void disconnected(std::uint16_t code, time_point now);

  /// The next text to send, in order.
  std::optional<std::string> next_message();
  /// How to close the connection, once there is nothing to send before.
  std::optional<close_info> close() const;
  /// Whether to read messages; if not, whoever waits for one must not be taken for dead.
  bool wants_input() const;

  /// When `advance` has something to do, if nothing else happens before.
  std::optional<time_point> deadline() const;
  void advance(time_point now);
  /// Whether the client had its time to read the end of all, and did not: the connection is to be
  /// dropped.
  bool is_given_up() const { return given_up_; }

  /// The session, if there is one; `handle` its stream's events there.
  const std::shared_ptr<session>& current() const { return session_; }

 private:
  bool is_over() const { return close_.has_value(); }
  bool says_farewell() const {
    return is_over() || (session_ != nullptr && session_->is_finished());
  }
  void begin(const client_message& first, time_point now);
  void end(error_code code, const std::string& message);
  void on_changed();
  template <class Action>
  void attempt(time_point now, Action action);

  session_store& store_;
  std::string peer_;
  std::function<void()> changed_;
  std::shared_ptr<session> session_;
  std::uint64_t attachment_ = 0;
  std::optional<std::string> first_;  // to send before what the session says: `resumed`, an error
  std::optional<close_info> close_;   // not the session's
  time_point opened_;
  std::optional<time_point> farewell_by_;
  bool given_up_ = false;
};

}  // namespace duplex::speech
