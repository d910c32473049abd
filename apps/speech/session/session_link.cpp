#include "speech/session/session_link.hpp"

#include <utility>
#include <variant>

namespace duplex::speech {

session_link::session_link(session_store& store, std::string peer, std::function<void()> changed,
                           time_point now)
    : store_(store), peer_(std::move(peer)), changed_(std::move(changed)), opened_(now) {}

session_link::~session_link() {
  if (session_ == nullptr) return;
  session_->detach();
  store_.drop(session_);
}

// What the client got wrong is answered, and ends the connection if there is no session yet.
template <class Action>
void session_link::attempt(time_point now, Action action) {
  try {
    action();
  } catch (const speech_error& error) {
    if (session_ != nullptr) return session_->refuse(error, now);
    end(error.code(), error.what());
  } catch (const std::exception& error) {
    end(error_code::internal, error.what());
  }
}

void session_link::receive_query(std::string_view query, time_point now) {
  attempt(now, [&] {
    if (const auto start = parse_start_query(query)) begin(*start, now);
  });
}

void session_link::receive_text(std::string_view text, time_point now) {
  if (is_over()) return;
  attempt(now, [&] {
    if (text.size() > store_.limits().message_max) {
      throw speech_error(error_code::message_too_big,
                         "text message of " + std::to_string(text.size()) + " bytes; at most " +
                             std::to_string(store_.limits().message_max));
    }
    const client_message message = parse_client_message(text);
    if (session_ != nullptr) return session_->receive(message, now);
    begin(message, now);
  });
}

void session_link::receive_audio(buffer audio, time_point now) {
  if (is_over()) return;
  if (session_ != nullptr) return session_->receive_audio(std::move(audio), now);
  end(error_code::bad_state, "audio before start");
}

void session_link::begin(const client_message& first, time_point now) {
  if (const auto* start = std::get_if<start_message>(&first)) {
    session_ = store_.start(*start, now);
    attachment_ = session_->attach([this] { on_changed(); }, 0, now);
    return on_changed();
  }
  const auto* resume = std::get_if<resume_message>(&first);
  if (resume == nullptr) {
    throw speech_error(error_code::bad_state, std::string(type_of(first)) + " before start");
  }
  session_ = store_.resume(
      *resume, [this] { on_changed(); }, now);
  attachment_ = session_->attachment();
  first_ = write(resumed_event{session_->audio().received(), resume->last_seq + 1}, 0);
  on_changed();
}

// Of the session, or that another connection has taken it.
void session_link::on_changed() {
  if (session_ != nullptr && session_->attachment() != attachment_) {
    session_ = nullptr;
    return end(error_code::bad_state, "the session goes on at another connection");
  }
  if (changed_) changed_();
}

void session_link::refuse(error_code code, const std::string& message) {
  if (is_over() || session_ != nullptr) return;
  end(code, message);
}

void session_link::end(error_code code, const std::string& message) {
  store_.count(code, message);
  const auto retry_after =
      is_worth_retrying(code) ? store_.limits().retry_after : std::chrono::milliseconds(0);
  first_ = write(error_event{.code = code, .message = message, .retry_after = retry_after}, 0);
  close_ = {.code = close_code_of(code), .reason = std::string(to_string(code))};
  if (changed_) changed_();
}

void session_link::drain(time_point deadline, time_point now) {
  if (session_ != nullptr) return session_->drain(deadline, now);
  if (!is_over()) end(error_code::draining, "the server is about to end");
}

void session_link::disconnected(std::uint16_t code, time_point now) {
  const auto it = std::exchange(session_, nullptr);
  changed_ = nullptr;
  if (it == nullptr) return;
  const bool meant = code == 1000 || code == 1001;
  const bool said_all = it->is_finished() && it->close()->code == code;
  if (!meant && !said_all) return store_.keep(it, peer_, now);
  it->detach();
  store_.drop(it);
}

std::optional<std::string> session_link::next_message() {
  if (first_) return std::exchange(first_, std::nullopt);
  if (session_ != nullptr) return session_->next_message();
  return std::nullopt;
}

std::optional<close_info> session_link::close() const {
  if (first_ || (session_ != nullptr && session_->has_unsent())) return std::nullopt;
  return session_ != nullptr ? session_->close() : close_;
}

bool session_link::wants_input() const { return session_ == nullptr || session_->wants_input(); }

// The first time that it is asked once all is over begins the farewell.
std::optional<time_point> session_link::deadline() const {
  if (given_up_) return std::nullopt;
  if (says_farewell()) return farewell_by_.value_or(opened_);
  return session_ != nullptr ? session_->deadline() : opened_ + store_.limits().idle;
}

void session_link::advance(time_point now) {
  if (!says_farewell()) {
    if (session_ != nullptr) {
      session_->advance(now);
    } else if (now >= *deadline()) {
      end(error_code::idle_timeout, "neither start nor resume came");
    }
  }
  if (!says_farewell()) return;
  if (!farewell_by_) farewell_by_ = now + store_.limits().farewell;
  given_up_ = now >= *farewell_by_;
}

}  // namespace duplex::speech
