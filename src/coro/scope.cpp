// Children of a scope: coroutines that await a task and free themselves at its end.
#include <duplex/coro/scope.hpp>

#include <coroutine>
#include <utility>

#include <duplex/coro/wait.hpp>

namespace duplex {

// One running task: the promise of its coroutine, in the scope's list for as long as the frame
// lives.
struct scope::child {
  child(scope& scope, task<>&) noexcept : owner(scope), next(scope.first_) {
    if (next) next->previous = this;
    owner.first_ = this;
    ++owner.size_;
  }
  child(const child&) = delete;
  child& operator=(const child&) = delete;
  ~child() {
    (previous ? previous->next : owner.first_) = next;
    if (next) next->previous = previous;
    if (--owner.size_ == 0) owner.joining_.wake_all();
  }

  running get_return_object() noexcept;
  std::suspend_never initial_suspend() const noexcept { return {}; }
  std::suspend_never final_suspend() const noexcept { return {}; }
  void return_void() const noexcept {}
  void unhandled_exception() noexcept { owner.failed(std::current_exception()); }

  scope& owner;
  child* previous = nullptr;
  child* next;
};

struct scope::running {
  using promise_type = child;
};

scope::running scope::child::get_return_object() noexcept { return {}; }

scope::running scope::run(scope& owner, task<> work) {
  coro::yield turn(owner.executor_);
  co_await turn;
  co_await work;
}

scope::scope(exception_handler on_exception)
    : resident(coro::executor::current()),
      executor_(coro::executor::current()),
      on_exception_(std::move(on_exception)) {}

scope::~scope() { clear(); }

void scope::clear() noexcept {
  while (first_) std::coroutine_handle<child>::from_promise(*first_).destroy();
}

void scope::spawn(task<> task) { run(*this, std::move(task)); }

void scope::failed(std::exception_ptr exception) noexcept {
  if (on_exception_) {
    on_exception_(std::move(exception));
  } else if (!exception_) {
    exception_ = std::move(exception);
  }
}

task<> scope::join(limit limit) {
  while (size_ > 0) {
    coro::wait waiting(executor_, joining_, limit);
    co_await waiting;
    waiting.throw_if_limited("waiting for tasks");
  }
  if (exception_) std::rethrow_exception(std::exchange(exception_, nullptr));
}

task<> sleep_for(std::chrono::nanoseconds time, std::stop_token token) {
  auto& executor = coro::executor::current();
  const auto now = executor.now();
  const auto longest = coro::time_point::max() - now;
  coro::wait_queue nobody;
  coro::wait sleeping(executor, nobody, {time < longest ? now + time : now + longest, token});
  auto reason = co_await sleeping;
  if (reason == coro::wake_reason::stopped) sleeping.throw_if_limited("sleeping");
}

}  // namespace duplex
