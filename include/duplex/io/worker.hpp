// Blocking work off the loop: a pool of threads, awaited.
#pragma once

#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>
#include <variant>

#include <duplex/coro/task.hpp>

namespace duplex {

namespace io::detail {

/// Calls `work` on a thread of the pool and resumes on the loop. `work` must not throw. It is
/// destroyed on the loop; where the awaiting frame is destroyed before it has begun it is not
/// called.
task<> run_on_worker(std::function<void()> work);

/// A function and what became of it; shared by the coroutine that waits and the thread that works.
template <class Function>
class blocking_call {
 public:
  using result = std::invoke_result_t<Function&>;

  explicit blocking_call(Function function) : function_(std::move(function)) {}

  void run() noexcept {
    try {
      if constexpr (std::is_void_v<result>) {
        function_();
      } else {
        result_.emplace(function_());
      }
    } catch (...) {
      exception_ = std::current_exception();
    }
  }
  result take() {
    if (exception_) std::rethrow_exception(exception_);
    if constexpr (!std::is_void_v<result>) return std::move(*result_);
  }

 private:
  Function function_;
  std::optional<std::conditional_t<std::is_void_v<result>, std::monostate, result>> result_;
  std::exception_ptr exception_;
};

}  // namespace io::detail

/// Calls a function on a thread of the loop's worker pool and gives its result, or throws its
/// exception, on the loop: for work that would hold up every other connection. The function is
/// moved into the coroutine and outlives the call even where the awaiting coroutine is destroyed
/// meanwhile; what it refers to must then outlive it as well.
/// Threads: UV_THREADPOOL_SIZE of them (4 by default), shared with name resolution.
///
/// With GCC 12 a lambda that captures by value anything with a destructor must be a variable, as
/// that compiler destroys such a temporary of an awaited expression twice:
///
///     auto work = [audio = std::move(audio)] { return decode(audio); };
///     auto text = co_await run_blocking(std::move(work));
///
/// One that captures references only may stand in the expression: `co_await run_blocking([&]
/// {...})`.
template <class Function>
task<std::invoke_result_t<Function&>> run_blocking(Function function) {
  auto call = std::make_shared<io::detail::blocking_call<Function>>(std::move(function));
  std::function<void()> work = [call] { call->run(); };
  co_await io::detail::run_on_worker(std::move(work));
  co_return call->take();
}

}  // namespace duplex
