// What resumes coroutines: a queue of those that are ready, timers, and one thread that runs both.
#pragma once

#include <chrono>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string_view>
#include <vector>

#include <duplex/coro/limit.hpp>

namespace duplex::coro {

using clock = std::chrono::steady_clock;
using time_point = clock::time_point;

class deferred;
class executor;
class resident;
class wait_queue;

/// Calls `expired` on the executor's thread once its time has come. One use at a time; may be armed
/// again from `expired`. Destroying it, or `disarm`, takes it back. Timers of the same time expire
/// in the order they were armed.
class timer {
 public:
  explicit timer(coro::executor& executor) noexcept : executor_(&executor) {}
  timer(const timer&) = delete;
  timer& operator=(const timer&) = delete;

  /// Arms, or moves where armed already.
  void arm(time_point at);
  void disarm() noexcept {
    if (armed()) take_back();
  }
  bool armed() const noexcept { return position_ != unarmed; }
  /// Where armed.
  time_point at() const noexcept { return at_; }

 protected:
  virtual ~timer() { disarm(); }
  virtual void expired() = 0;

 private:
  friend class executor;
  void take_back() noexcept;

  static constexpr std::size_t unarmed = ~std::size_t{0};
  coro::executor* executor_;
  time_point at_ = {};
  std::uint64_t sequence_ = 0;      // of all armings of the executor
  std::size_t position_ = unarmed;  // in the executor's heap
};

/// Why a wait ended.
enum class wake_reason : unsigned char { pending, woken, timed_out, stopped };

/// One suspended coroutine: in a wait queue, or ready to be resumed. Lives in an awaiter, and so in
/// the coroutine's frame; destroying the frame takes it out of wherever it is.
///
/// A frame destroyed between its wake and its turn takes that wake with it: what was waited for is
/// state to look at, the wake says no more than that it may have changed.
class waiter : private timer {
 public:
  explicit waiter(coro::executor& executor) noexcept : timer(executor), executor_(executor) {}
  ~waiter() override {
    if (stop_callback_) forget_stop();
    if (queue_) leave_queue();
  }

  /// Remembers the coroutine and starts the limit's clock. It is resumed after `wake`, the limit's
  /// deadline or its stop, whichever is first; `reason` tells which.
  void suspend(std::coroutine_handle<> coroutine, const limit& limit = {});
  /// As above, in a queue from which `wait_queue::wake_*` takes it.
  void suspend_in(wait_queue& queue, std::coroutine_handle<> coroutine, const limit& limit = {});
  /// Makes ready; only the first call counts. The executor's thread.
  void wake(wake_reason reason = wake_reason::woken) noexcept;
  wake_reason reason() const noexcept { return reason_; }
  bool suspended() const noexcept {
    return coroutine_ != nullptr && reason_ == wake_reason::pending;
  }
  /// Throws duplex::timeout or std::system_error(operation_canceled) where the limit ended the
  /// wait; `what` says what was waited for: "receiving" gives "receiving timed out".
  void throw_if_limited(std::string_view what) const;

 private:
  friend class executor;
  friend class wait_queue;
  struct on_stop {
    waiter* self;
    void operator()() const noexcept;  // any thread
  };

  void expired() override { wake(wake_reason::timed_out); }
  void forget_stop() noexcept;
  void leave_queue() noexcept;

  coro::executor& executor_;
  std::coroutine_handle<> coroutine_;
  waiter *previous_ = nullptr, *next_ = nullptr;  // in a wait queue or the ready queue
  wait_queue* queue_ = nullptr;
  waiter* next_stopped_ = nullptr;  // in the executor's list of stopped waiters
  bool listed_as_stopped_ = false;
  std::optional<std::stop_callback<on_stop>> stop_callback_;
  wake_reason reason_ = wake_reason::pending;
};

/// Waiters in the order they came.
class wait_queue {
 public:
  wait_queue() noexcept = default;
  wait_queue(const wait_queue&) = delete;
  wait_queue& operator=(const wait_queue&) = delete;
  ~wait_queue();  // asserts that it is empty

  bool empty() const noexcept { return first_ == nullptr; }
  /// True where there was one to wake.
  bool wake_one() noexcept;
  void wake_all() noexcept;

 private:
  friend class waiter;
  friend class executor;
  void push(waiter&) noexcept;
  void remove(waiter&) noexcept;

  waiter *first_ = nullptr, *last_ = nullptr;
};

/// Work to be done once all that is ready was resumed: to write, in one go, what they queued.
class deferred {
 public:
  explicit deferred(coro::executor& executor) noexcept : deferring_executor_(executor) {}
  deferred(const deferred&) = delete;
  deferred& operator=(const deferred&) = delete;

  /// `run_deferred` is called once, however often this was, at the end of the present or the next
  /// `run_ready`. It may make coroutines ready; the same `run_ready` resumes them.
  void defer() noexcept;

 protected:
  virtual ~deferred() { take_back(); }
  virtual void run_deferred() = 0;

 private:
  friend class executor;
  void take_back() noexcept;

  coro::executor& deferring_executor_;
  deferred *previous_deferred_ = nullptr, *next_deferred_ = nullptr;
  bool deferred_ = false;
};

/// What belongs to an executor and may outlive it: it is told before the executor ends, and must
/// ask nothing of it afterwards.
class resident {
 public:
  explicit resident(coro::executor& executor) noexcept;
  resident(const resident&) = delete;
  resident& operator=(const resident&) = delete;

 protected:
  virtual ~resident() { leave(); }
  /// On the executor's thread, once.
  virtual void executor_ends() noexcept = 0;

 private:
  friend class executor;
  void leave() noexcept;

  coro::executor* home_;  // nullptr once it has ended
  resident *previous_resident_ = nullptr, *next_resident_ = nullptr;
};

/// One thread's coroutines. Everything but stopping a stop token belongs to that thread, and every
/// frame with a waiter in it must be gone before its executor.
///
/// "Only the loop resumes": whoever makes a coroutine ready queues it, and `run_ready` resumes it,
/// so that no code of a user's runs inside a call of the library it did not make.
class executor {
 public:
  executor() = default;
  executor(const executor&) = delete;
  executor& operator=(const executor&) = delete;
  virtual ~executor();

  /// The executor of the calling thread. Throws invalid_state where it has none.
  static executor& current();

  /// The time, as of the last look at the clock.
  virtual time_point now() const = 0;

  /// Resumes what is ready, and what gets ready meanwhile, until nothing is; then runs what was
  /// deferred, until nothing is left of either. Does nothing when called from inside itself.
  void run_ready();
  bool has_ready() const noexcept { return !ready_.empty() || first_deferred_ != nullptr; }

  /// When `run_timers` should be called next.
  std::optional<time_point> next_timer() const;
  /// Calls what has expired. What is armed meanwhile waits for the next call.
  void run_timers(time_point now);

  /// Wakes those whose stop token was stopped from any thread.
  void run_stopped();

 protected:
  /// Makes this thread's `current` this executor (or none, with nullptr).
  static void set_current(executor* executor) noexcept;
  /// Tells the residents, the youngest first. To be called where an executor's end begins.
  void end_residents() noexcept;
  /// The next timer is another one now.
  virtual void timers_changed() noexcept {}
  /// Any thread: the executor's thread should call `run_stopped` soon.
  virtual void poke() noexcept = 0;

 private:
  friend class timer;
  friend class waiter;
  friend class deferred;
  friend class resident;
  void add(timer& added);
  void remove(timer& removed) noexcept;
  void place(timer& placed, std::size_t position) noexcept;

  wait_queue ready_;
  deferred *first_deferred_ = nullptr, *last_deferred_ = nullptr;
  resident* youngest_resident_ = nullptr;
  std::vector<timer*> timers_;  // a binary heap, the earliest first
  std::uint64_t armings_ = 0;
  std::mutex stopped_mutex_;
  waiter* stopped_ = nullptr;
  bool running_ = false;
};

}  // namespace duplex::coro
