// The guards of a blocking connection's calls.
#pragma once

#include <mutex>
#include <optional>
#include <stop_token>

#include "sync/blocking_connection.hpp"

namespace duplex::sync {

/// Holds a flag or a count for the time of a call.
class holding {
 public:
  explicit holding(unsigned& count) noexcept : count_(++count) {}
  ~holding() { --count_; }
  holding(const holding&) = delete;
  holding& operator=(const holding&) = delete;

 private:
  unsigned& count_;
};

/// Holds the lock for the time of a call; at its end the service thread is told what is left to do,
/// and the log what happened.
class blocking_connection::call {
 public:
  explicit call(blocking_connection& of) : connection_(of), lock_(of.mutex_) {}
  ~call() {
    const bool leaves_output =
        connection_.bytes_unsent() != 0 && !connection_.room_awaited_ && connection_.writers_ == 0;
    const bool leaves_closing = connection_.core_.state() == protocol::state::closing;
    const bool wake = std::exchange(connection_.wake_after_call_, false) ||
                      (!connection_.ended_ && (leaves_output || leaves_closing));
    const bool log_end = connection_.ended_ && !std::exchange(connection_.end_logged_, true);
    connection_.unlock_and_log(lock_);
    if (wake) connection_.service_->wake(connection_);
    if (log_end) connection_.log_end();
  }
  call(const call&) = delete;
  call& operator=(const call&) = delete;

  std::unique_lock<std::mutex>& lock() noexcept { return lock_; }

  /// Calls the function, which may block, without the lock.
  template <class Function>
  void unlocked(Function function) {
    ++connection_.users_;
    connection_.unlock_and_log(lock_);
    function();
    lock_.lock();
    if (--connection_.users_ == 0 && connection_.ended_) connection_.transport_->close();
  }

  /// A descriptor that becomes readable when the token is stopped.
  int stop_event(const std::stop_token& token) {
    if (!stop_event_) stop_event_.emplace(token);
    return stop_event_->event.number();
  }

 private:
  struct stop_waker {
    explicit stop_waker(const std::stop_token& token) : callback(token, setter{event}) {}

    struct setter {
      const wake_event& event;
      void operator()() const noexcept { event.set(); }
    };
    wake_event event;
    std::stop_callback<setter> callback;
  };

  blocking_connection& connection_;
  std::optional<stop_waker> stop_event_;
  std::unique_lock<std::mutex> lock_;
};

/// Marks the calling thread as the reader. The lock is held where it begins and where it ends.
class blocking_connection::reader_role {
 public:
  explicit reader_role(blocking_connection& of) noexcept : connection_(of) { of.reading_ = true; }
  ~reader_role() {
    connection_.reading_ = false;
    ++connection_.reads_;
    if (std::exchange(connection_.wake_after_read_, false)) connection_.wake_after_call_ = true;
    connection_.notify();
  }
  reader_role(const reader_role&) = delete;
  reader_role& operator=(const reader_role&) = delete;

 private:
  blocking_connection& connection_;
};

}  // namespace duplex::sync
