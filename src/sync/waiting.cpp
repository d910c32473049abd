// How the calls of a blocking connection wait, and what the service thread does between them.
#include <algorithm>
#include <string>
#include <system_error>

#include <duplex/error.hpp>

#include "sync/blocking_connection.hpp"
#include "sync/call.hpp"

namespace duplex::sync {
namespace {

// What poll says of a socket that is worth a read, or a write; an error shows in either.
constexpr short readable = POLLIN | POLLERR | POLLHUP;
constexpr short writable = POLLOUT | POLLERR | POLLHUP;

std::optional<clock::time_point> earlier(std::optional<clock::time_point> a,
                                         std::optional<clock::time_point> b) {
  return a && b ? std::min(a, b) : a ? a : b;
}

}  // namespace

// --- in the thread of a call

void blocking_connection::wait(call& current, const limit& limit, std::string_view doing,
                               const goal& reached, parse_to to, wait_for what) {
  for (bool expired = false;;) {
    parse(to);
    if (reached()) return;
    if (limit.token().stop_requested()) {
      throw std::system_error(std::make_error_code(std::errc::operation_canceled),
                              std::string(doing));
    }
    if (expired) throw timeout(std::string(doing) + " timed out");
    // Past the deadline what has come already still counts: one more look, without waiting.
    expired = limit.deadline() && clock::now() >= *limit.deadline();
    if (!can_read() && what == wait_for::input) {
      sleep(current, limit, reached);
    } else if (is_quiet() && !expired && !limit.token().stop_possible()) {
      read_quietly(current, limit);
    } else {
      poll(current, limit, can_read());
    }
  }
}

// Nothing can happen but that the peer sends: one system call does. A large payload is worth two,
// as it is read to where it stays, with the lock held.
bool blocking_connection::is_quiet() {
  return can_read() && core_.state() == protocol::state::open && bytes_unsent() == 0 &&
         core_.direct_read_space().empty() && transport_->can_wait();
}

void blocking_connection::read_quietly(call& current, const limit& limit) {
  std::chrono::milliseconds timeout{0};
  if (limit.deadline()) {
    timeout = std::chrono::ceil<std::chrono::milliseconds>(*limit.deadline() - clock::now());
    timeout = std::max(timeout, std::chrono::milliseconds(1));
  }
  const reader_role role(*this);
  transfer read;
  current.unlocked([&] {
    read = transport_->wait_and_read({read_space_.get(), read_limit_}, timeout);
  });
  take_in(read, false);
}

// Waits for room if there is output, for input if the caller may read, for the limit and the core's
// deadline; then does what can be done.
void blocking_connection::poll(call& current, const limit& limit, bool may_read) {
  std::optional<reader_role> role;
  if (may_read) role.emplace(*this);
  std::array<pollfd, 2> events{};
  events[0].fd = transport_->descriptor();
  events[0].events =
      static_cast<short>((may_read ? POLLIN : 0) | (bytes_unsent() != 0 ? POLLOUT : 0));
  const bool stoppable = limit.token().stop_possible();
  if (stoppable) events[1] = {current.stop_event(limit.token()), POLLIN, 0};
  const auto deadline = earliest_deadline(limit);
  if (may_read && transport_->has_input()) {
    events[0].revents = POLLIN;
  } else {
    current.unlocked([&] { wait_for_events({events.data(), stoppable ? 2u : 1u}, deadline); });
  }
  if (ended_) return;
  if ((events[0].revents & writable) != 0) full_ = false;
  if (may_read && (events[0].revents & readable) != 0) read_now();
  advance(clock::now());
  settle();
}

// Another thread reads, or nobody may: what is waited for comes with a notice.
void blocking_connection::sleep(call& current, const limit& limit, const goal& reached) {
  ++sleepers_;
  const auto awake = [&] { return reached() || can_read() || can_parse(); };
  if (const auto deadline = earliest_deadline(limit)) {
    changed_.wait_until(current.lock(), limit.token(), *deadline, awake);
  } else {
    changed_.wait(current.lock(), limit.token(), awake);
  }
  --sleepers_;
  advance(clock::now());
  settle();
}

// Keepalive is the service thread's; what bounds the end must not depend on it.
std::optional<clock::time_point> blocking_connection::earliest_deadline(const limit& limit) const {
  if (core_.state() == protocol::state::open) return limit.deadline();
  return earlier(limit.deadline(), core_.deadline());
}

void blocking_connection::notify() {
  if (sleepers_ != 0) changed_.notify_all();
}

// --- in the service thread

serviced::wish blocking_connection::look(clock::time_point now, short ready) noexcept {
  std::unique_lock lock(mutex_);
  const wish result = serve(now, ready);
  unlock_and_log(lock);
  return result;
}

serviced::wish blocking_connection::serve(clock::time_point now, short ready) noexcept {
  try {
    if (ended_) return {};
    if ((ready & writable) != 0) full_ = false;
    if (std::exchange(reads_seen_, reads_) != reads_) away_at_ = now + away_after;
    const bool away = !reading_ && now >= away_at_;
    const auto deadline = core_.deadline();
    const bool due = deadline && now >= *deadline;
    if (away || due) {
      // Before a silent peer is given up: perhaps it was only that nobody listened.
      parse(parse_to::full_inbox);
      if (can_read() && ((ready & readable) != 0 || due || transport_->has_input())) {
        read_now();
        parse(parse_to::full_inbox);
      }
    }
    advance(now);
    settle();
    return next_wish(now);
  } catch (...) {  // out of memory: the owner finds the connection broken
    broken_ = true;
    transport_->shut_down();
    return {};
  }
}

serviced::wish blocking_connection::next_wish(clock::time_point now) {
  wish result{.socket = transport_->descriptor(), .events = 0, .deadline = core_.deadline()};
  if (ended_) return {};
  room_awaited_ = bytes_unsent() != 0 && writers_ == 0;
  if (room_awaited_) result.events |= POLLOUT;
  if (now < away_at_) {
    result.deadline = earlier(result.deadline, away_at_);
  } else if (reading_) {
    wake_after_read_ = true;
  } else if (can_read()) {
    result.events |= POLLIN;
    if (transport_->has_input()) result.deadline = now;
  }
  return result;
}

}  // namespace duplex::sync
