// The awaiter of most waits: a waiter that suspends the coroutine awaiting it.
#pragma once

#include <coroutine>

#include <duplex/coro/executor.hpp>

namespace duplex::coro {

/// Suspends until woken or limited; awaiting gives the reason:
///
///     coro::wait waiting(executor, queue, limit);
///     co_await waiting;
///     waiting.throw_if_limited("receiving");
class wait : public waiter {
 public:
  wait(coro::executor& executor, wait_queue& queue, const duplex::limit& limit = {})
      : waiter(executor), queue_(queue), limit_(limit) {}

  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> coroutine) { suspend_in(queue_, coroutine, limit_); }
  wake_reason await_resume() const noexcept { return reason(); }

 private:
  wait_queue& queue_;
  duplex::limit limit_;
};

/// Goes to the end of the ready queue: everyone else who is ready runs first.
///
///     coro::yield turn(executor);
///     co_await turn;
class yield : public waiter {
 public:
  using waiter::waiter;

  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> coroutine) {
    suspend(coroutine);
    wake();
  }
  void await_resume() const noexcept {}
};

}  // namespace duplex::coro
