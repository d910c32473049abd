// A scope: tasks that run side by side and end, all of them, before their owner goes on.
#pragma once

#include <chrono>
#include <cstddef>
#include <exception>
#include <functional>
#include <stop_token>

#include <duplex/coro/executor.hpp>
#include <duplex/coro/task.hpp>

namespace duplex {

/// Owns running tasks. Nothing is ever detached: `join` waits for all; destroying a scope destroys
/// those still running where they stand (their locals are destroyed, nothing of them runs on), and
/// so does the end of its loop. A scope must not be destroyed by one of its own tasks, nor while
/// someone waits in `join`.
class scope : private coro::resident {
 public:
  /// What becomes of a task's exception; by default the first is kept and thrown by `join`. Must
  /// not throw.
  using exception_handler = std::function<void(std::exception_ptr)>;

  /// Belongs to the calling thread's loop. Throws invalid_state where the thread has none.
  explicit scope(exception_handler on_exception = {});
  scope(const scope&) = delete;
  scope& operator=(const scope&) = delete;
  ~scope() override;

  /// Starts a task; it first runs when the loop next resumes coroutines.
  void spawn(task<> task);
  std::size_t size() const noexcept { return size_; }
  /// Destroys the tasks that run, where they stand. As with the destructor, not from one of them.
  void clear() noexcept;

  /// Waits until no task is left; then throws the first exception kept, if any. Tasks may be
  /// spawned meanwhile.
  task<> join(limit limit = {});

 private:
  struct child;
  struct running;
  static running run(scope& owner, task<> work);
  void executor_ends() noexcept override { clear(); }
  void failed(std::exception_ptr exception) noexcept;

  child* first_ = nullptr;
  std::size_t size_ = 0;
  coro::executor& executor_;
  coro::wait_queue joining_;
  exception_handler on_exception_;
  std::exception_ptr exception_;
};

/// Resumes after the given time. Throws only where a stop token is stopped.
task<> sleep_for(std::chrono::nanoseconds time, std::stop_token token = {});

}  // namespace duplex
