// A coroutine that runs when awaited and gives one value or exception to whoever awaits it.
#pragma once

#include <cassert>
#include <concepts>
#include <coroutine>
#include <exception>
#include <type_traits>
#include <utility>
#include <variant>

namespace duplex {

template <class T = void>
class task;

namespace coro::detail {

/// How a task starts and ends, whatever it gives.
///
/// A task that ends without having suspended tells so to `start`, and its awaiter just goes on: a
/// loop that awaits such tasks uses no stack, even where the compiler makes a symmetric transfer
/// an ordinary call (GCC without optimisation). Any later end transfers to the awaiter.
class promise_base {
 public:
  std::suspend_always initial_suspend() const noexcept { return {}; }

  struct final_awaiter {
    bool await_ready() const noexcept { return false; }
    template <class Promise>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> finished) const noexcept {
      promise_base& promise = finished.promise();
      if (promise.starting_) return std::noop_coroutine();
      return promise.continuation_;
    }
    void await_resume() const noexcept {}
  };
  final_awaiter final_suspend() const noexcept { return {}; }

  /// Runs to the first suspension, or the end; false where that is the end.
  bool start(std::coroutine_handle<> coroutine, std::coroutine_handle<> continuation) {
    continuation_ = continuation;
    starting_ = true;
    coroutine.resume();
    starting_ = false;
    return !coroutine.done();
  }

 private:
  std::coroutine_handle<> continuation_;
  bool starting_ = false;
};

template <class T>
class promise : public promise_base {
 public:
  task<T> get_return_object() noexcept;
  template <std::convertible_to<T> Value = T>
  void return_value(Value&& value) {
    result_.template emplace<1>(std::forward<Value>(value));
  }
  void unhandled_exception() noexcept { result_.template emplace<2>(std::current_exception()); }
  T take() {
    if (result_.index() == 2) std::rethrow_exception(std::get<2>(result_));
    return std::move(std::get<1>(result_));
  }

 private:
  std::variant<std::monostate, T, std::exception_ptr> result_;
};

template <>
class promise<void> : public promise_base {
 public:
  task<void> get_return_object() noexcept;
  void return_void() const noexcept {}
  void unhandled_exception() noexcept { exception_ = std::current_exception(); }
  void take() const {
    if (exception_) std::rethrow_exception(exception_);
  }

 private:
  std::exception_ptr exception_;
};

}  // namespace coro::detail

/// A lazy coroutine: nothing of it runs before `co_await`, or before a scope has it. Awaited once.
/// Move-only; one that is destroyed before its end is undone where it stands, locals and all, and
/// so is everything it awaits. Belongs to the thread whose loop it uses.
template <class T>
class [[nodiscard]] task {
 public:
  using value_type = T;
  using promise_type = coro::detail::promise<T>;

  task(task&& other) noexcept : coroutine_(std::exchange(other.coroutine_, nullptr)) {}
  task& operator=(task&& other) noexcept {
    std::swap(coroutine_, other.coroutine_);
    return *this;
  }
  task(const task&) = delete;
  task& operator=(const task&) = delete;
  ~task() {
    if (coroutine_) coroutine_.destroy();
  }

  auto operator co_await() const noexcept {
    struct awaiter {
      std::coroutine_handle<promise_type> coroutine;
      bool await_ready() const noexcept { return false; }
      bool await_suspend(std::coroutine_handle<> awaiting) const {
        return coroutine.promise().start(coroutine, awaiting);
      }
      T await_resume() const { return coroutine.promise().take(); }
    };
    assert(coroutine_ && !coroutine_.done());
    return awaiter{coroutine_};
  }

 private:
  friend promise_type;
  explicit task(std::coroutine_handle<promise_type> coroutine) noexcept : coroutine_(coroutine) {}

  std::coroutine_handle<promise_type> coroutine_;
};

template <class T>
task<T> coro::detail::promise<T>::get_return_object() noexcept {
  return task<T>(std::coroutine_handle<promise<T>>::from_promise(*this));
}

inline task<void> coro::detail::promise<void>::get_return_object() noexcept {
  return task<void>(std::coroutine_handle<promise<void>>::from_promise(*this));
}

}  // namespace duplex
