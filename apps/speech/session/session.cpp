#include "speech/session/session.hpp"

#include <algorithm>
#include <type_traits>
#include <utility>

#include "speech/join.hpp"

namespace duplex::speech {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds ack_step{500};  // of audio between two acks, or a quarter of the window
constexpr milliseconds limit_notice{60'000};  // at most a tenth of the session's limit

std::string seconds(milliseconds time) { return std::to_string(time.count() / 1000) + " s"; }

milliseconds between(time_point from, time_point to) {
  return std::chrono::duration_cast<milliseconds>(to - from);
}

start_message chosen(start_message start, const recognizer& model) {
  start.model = model.name();
  start.lang = model.language();
  return start;
}

}  // namespace

std::string idle_message(const session_limits& limits) {
  return "no message came for " + seconds(limits.idle);
}

session::session(session_identity identity, const recognizer& model, start_message start,
                 const session_limits& limits, std::shared_ptr<memory_budget> beyond,
                 error_observer errors, time_point now)
    : identity_(std::move(identity)),
      model_(&model),
      start_(chosen(std::move(start), model)),
      limits_(limits),
      errors_(std::move(errors)),
      audio_(start_.format, limits.window),
      beyond_(std::move(beyond)),
      log_(start_.resume ? limits.events_max : 0),
      begun_(now),
      heard_(now) {}

void session::begin(const stream_starter& starter, const std::shared_ptr<session>& self) {
  stream_ = starter(*model_, start_, self);
  say(started_event{.session = identity_.id,
                    .resume_token = start_.resume ? identity_.token : "",
                    .window = audio_.window(),
                    .window_bytes = audio_.window_bytes(),
                    .max_message = limits_.message_max,
                    .idle = limits_.idle,
                    .longest = limits_.longest,
                    .effective = start_});
}

std::uint64_t session::attach(std::function<void()> changed, std::int64_t last_seq,
                              time_point now) {
  if (last_seq > log_.last()) {
    throw speech_error(error_code::bad_field, "last_seq must be at most " +
                                                  std::to_string(log_.last()) + ", not " +
                                                  std::to_string(last_seq));
  }
  if (!log_.reaches(last_seq)) {
    throw speech_error(error_code::resume_expired,
                       "events after " + std::to_string(last_seq) + " are not kept any more");
  }
  log_.rewind(last_seq);
  heard_ = now;
  ++attachment_;
  if (const auto before = std::exchange(changed_, std::move(changed))) before();
  return attachment_;
}

void session::detach() { changed_ = nullptr; }

void session::abandon() noexcept {
  stream_.reset();
  beyond_.resize(0);
  state_ = state::finished;
}

void session::receive(const client_message& message, time_point now) {
  if (is_finished()) return;
  heard_ = now;
  warn_of_limit(now);
  if (is_finished()) return notify();  // that was one event too many
  obey(message, now);
  notify();
}

void session::obey(const client_message& message, time_point now) {
  if (std::holds_alternative<keepalive_message>(message)) return;
  if (std::holds_alternative<cancel_message>(message)) {
    stream_.reset();
    return tell_done(milliseconds(order_.end_ms()));
  }
  const bool is_stop = std::holds_alternative<stop_message>(message);
  if (state_ == state::ending) {  // the client may not know yet
    if (!is_stop) return;
    state_ = state::stopping;
    stopped_ = now;
  } else if (is_stop && state_ == state::stopping) {
    return;  // a client that resumed cannot know whether its first one came
  } else if (state_ == state::stopping || std::holds_alternative<start_message>(message) ||
             std::holds_alternative<resume_message>(message)) {
    refuse(speech_error(error_code::bad_state,
                        std::string(type_of(message)) + " is not for a session that was " +
                            (state_ == state::stopping ? "stopped" : "started")),
           now);
  } else if (is_stop) {
    stopped_ = now;
    finish_stream(state::stopping, now + limits_.finish);
  } else if (const auto* change = std::get_if<configure_message>(&message)) {
    start_.words = change->words.value_or(start_.words);
    if (change->partials) stream_->set_partials(start_.partials = *change->partials);
  } else if (flushed_ != audio_.received()) {  // a flush; one is enough
    flushed_ = audio_.received();
    stream_->flush();
  }
}

void session::receive_audio(buffer audio, time_point now) {
  if (is_finished()) return;
  heard_ = now;
  warn_of_limit(now);
  if (is_finished()) return notify();
  if (audio.size() > limits_.message_max) {
    fail(error_code::message_too_big,
         "audio message of more than " + std::to_string(limits_.message_max) + " bytes");
  } else if (state_ == state::stopping && !std::exchange(told_late_audio_, true)) {
    refuse(speech_error(error_code::bad_state, "audio is not for a session that was stopped"), now);
  } else if (state_ == state::streaming && !audio.empty()) {
    audio_.receive(static_cast<std::int64_t>(audio.size()));
    stream_->audio(std::move(audio));
    warn_of_overload();
  }
  notify();
}

void session::refuse(const speech_error& error, time_point now) {
  if (is_finished()) return;
  heard_ = now;
  if (error.code() == error_code::bad_json || error.code() == error_code::message_too_big) {
    fail(error.code(), error.what());
  } else {
    errors_(error.code(), error.what(), identity_.id);
    say(error_event{.code = error.code(), .message = error.what(), .fatal = false});
  }
  notify();
}

void session::drain(time_point deadline, time_point now) {
  if (is_finished()) return;
  say(draining_event{std::max(between(now, deadline), milliseconds(0))});
  if (is_finished()) return notify();  // its events had been too many
  if (!ending_) ending_.emplace(error_code::draining, "the server is about to end");
  if (state_ == state::streaming) finish_stream(state::ending, deadline);
  finish_by_ = std::min(*finish_by_, deadline);
  notify();
}

void session::handle(const stream_event& event, milliseconds lag, time_point now) {
  if (is_finished()) return;
  std::visit(
      [&](const auto& it) {
        using kind = std::decay_t<decltype(it)>;
        if constexpr (std::is_same_v<kind, partial_transcript>) {
          tell_partial(it, lag);
        } else if constexpr (std::is_same_v<kind, final_transcript>) {
          tell_final(it, lag);
        } else if constexpr (std::is_same_v<kind, audio_processed>) {
          tell_progress(it.bytes, now);
        } else if constexpr (std::is_same_v<kind, stream_finished>) {
          tell_end(milliseconds(it.audio_ms), now);
        } else if constexpr (std::is_same_v<kind, stream_failed>) {
          fail(it.code, it.message);
        } else {
          say(it);
        }
      },
      event);
  warn_of_limit(now);
  notify();
}

void session::tell_partial(const partial_transcript& partial, milliseconds lag) {
  const std::int64_t revision = order_.revise(partial);
  if (revision == 0 || start_.partials.count() == 0) return;
  ++stats_.partials;
  stats_.lag_max = std::max(stats_.lag_max, lag);
  say(partial_event{.transcript = partial, .revision = revision, .lag = lag});
}

void session::tell_final(const final_transcript& final, milliseconds lag) {
  if (!order_.accept(final)) {
    return fail(error_code::engine_failed,
                "the recogniser gave segment " + std::to_string(final.segment) + " after " +
                    std::to_string(order_.finals()) + " others, or against what it had said");
  }
  stats_.finals = order_.finals();
  stats_.lag_max = std::max(stats_.lag_max, lag);
  append_segment(text_, final.text);
  say(final_event{.transcript = final, .lang = start_.lang, .words = start_.words, .lag = lag});
}

void session::tell_progress(std::int64_t processed, time_point now) {
  const bool was_waiting = audio_.is_half_full();
  audio_.process(processed);
  beyond_.resize(std::min(beyond_.bytes(), static_cast<std::size_t>(audio_.beyond())));
  if (was_waiting && !audio_.is_half_full()) heard_ = now;  // from now on it is the client's turn
  if (!audio_.is_full()) warned_of_overload_ = false;
  const milliseconds step = std::min(ack_step, audio_.window() / 4);
  if (audio_.to_time(audio_.processed() - acked_) < step) return;
  acked_ = audio_.processed();
  if (state_ == state::stopping) {
    say(progress_event{.received = audio_.received(), .processed = acked_});
  } else if (start_.acks) {
    say(ack_event{audio_.received(), acked_, audio_.window()});
  }
}

void session::tell_end(milliseconds audio, time_point now) {
  if (state_ == state::streaming) return fail(error_code::internal, "the stream ended by itself");
  stream_.reset();
  if (state_ == state::ending) {
    if (start_.acks) say(ack_event{audio_.received(), audio_.processed(), audio_.window()});
    return fail(ending_->code(), ending_->what());
  }
  stats_.received = audio_.received();
  stats_.stop_to_done = between(*stopped_, now);
  say(stats_);
  tell_done(audio);
}

void session::tell_done(milliseconds audio) {
  close_with({.code = 1000, .reason = "done"},
             done_event{.audio = audio, .segments = order_.finals(), .text = text_});
}

void session::warn_of_limit(time_point now) {
  const milliseconds left = limits_.longest - between(begun_, now);
  const milliseconds notice = std::min(limit_notice, limits_.longest / 10);
  if (is_finished() || left > notice || std::exchange(warned_of_limit_, true)) return;
  say(warning_event{error_code::session_limit, std::max(left, milliseconds(0))});
}

void session::warn_of_overload() {
  if (!start_.acks) return;  // it stays unread instead
  const bool fits = beyond_.resize(static_cast<std::size_t>(audio_.beyond()));
  if (!fits || audio_.is_over_cap()) {
    fail(error_code::overloaded,
         std::to_string(audio_.waiting()) + " bytes of audio wait; the window is " +
             std::to_string(audio_.window_bytes()) +
             (fits ? "" : ", and what waits beyond those of all sessions is too much"));
  } else if (audio_.is_near_cap() && !std::exchange(warned_of_overload_, true)) {
    say(warning_event{error_code::overloaded, audio_.time_to_cap()});
  }
}

void session::finish_stream(state next, time_point deadline) {
  state_ = next;
  finish_by_ = deadline;
  stream_->finish();
}

void session::end_with(error_code code, std::string message, time_point deadline) {
  ending_.emplace(code, std::move(message));
  finish_stream(state::ending, deadline);
}

void session::fail(error_code code, const std::string& message) {
  if (is_finished()) return;
  failure_ = code;
  errors_(code, message, identity_.id);
  close_with(
      {.code = close_code_of(code), .reason = std::string(to_string(code))},
      error_event{.code = code,
                  .message = message,
                  .fatal = true,
                  .retry_after = is_worth_retrying(code) ? limits_.retry_after : milliseconds(0)});
}

// The first reason counts: what is said on the way to an end may have ended it for another.
void session::close_with(close_info how, const server_message& last) {
  if (is_finished()) return;
  stream_.reset();
  beyond_.resize(0);
  state_ = state::finished;
  close_ = std::move(how);
  log_.append(write(last, log_.last() + 1));
}

void session::say(const server_message& message) {
  if (is_finished()) return;
  log_.append(write(message, log_.last() + 1));
  if (log_.bytes() > limits_.events_max) {
    fail(error_code::overloaded, std::to_string(log_.bytes()) + " bytes of events wait unread");
  }
}

void session::notify() const {
  if (changed_) changed_();
}

std::size_t session::memory() const {
  const auto waiting = stream_ == nullptr ? 0 : static_cast<std::size_t>(audio_.waiting());
  return log_.bytes() + text_.size() + waiting;
}

// A client that keeps to the window, and has filled it, waits for the server.
bool session::is_idle_counted() const {
  return state_ == state::streaming && is_attached() && !audio_.is_half_full();
}

std::optional<time_point> session::deadline() const {
  if (is_finished()) return std::nullopt;
  if (finish_by_) return finish_by_;
  const time_point limit = begun_ + limits_.longest;
  return is_idle_counted() ? std::min(limit, heard_ + limits_.idle) : limit;
}

void session::advance(time_point now) {
  const auto due = deadline();
  if (!due || now < *due) return;
  if (finish_by_) {
    const auto code = ending_ ? ending_->code() : error_code::overloaded;
    fail(code, "not everything was decoded in time");
  } else if (now >= begun_ + limits_.longest) {
    end_with(error_code::session_limit, "the session has lasted " + seconds(limits_.longest),
             now + limits_.finish);
  } else {
    end_with(error_code::idle_timeout, idle_message(limits_), now + limits_.finish);
  }
  notify();
}

}  // namespace duplex::speech
