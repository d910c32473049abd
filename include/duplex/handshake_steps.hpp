// What a server's application is asked while a connection opens: functions, plain or coroutines.
#pragma once

#include <concepts>
#include <functional>
#include <initializer_list>
#include <optional>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include <duplex/http.hpp>

namespace duplex {

struct handshake;
template <class T>
class task;

/// A function that gives a Result, at once or as a coroutine.
template <class Result, class... Arguments>
class awaitable_function {
 public:
  using plain = std::function<Result(Arguments...)>;
  using coroutine = std::function<task<Result>(Arguments...)>;

  template <std::invocable<Arguments...> Function>
  requires(!std::is_same_v<Function, awaitable_function>)
      awaitable_function(Function given)  // NOLINT: implicit by design
      : function_(to_function(std::move(given))) {}

  const std::variant<plain, coroutine>& function() const noexcept { return function_; }
  /// Whether there is something to call.
  explicit operator bool() const noexcept {
    return std::visit([](const auto& each) { return static_cast<bool>(each); }, function_);
  }

 private:
  template <class Function>
  static std::variant<plain, coroutine> to_function(Function given) {
    if constexpr (std::is_invocable_r_v<Result, Function&, Arguments...>) {
      return plain(std::move(given));
    } else {
      return coroutine(std::move(given));
    }
  }

  std::variant<plain, coroutine> function_;
};

/// Answers a request, or leaves it to the next step, and after the last one to the handshake.
/// A coroutine's waiting is bounded by open_timeout: then it is destroyed where it stands. What a
/// lambda captures lives as long as the server.
using request_step = awaitable_function<std::optional<response>, handshake&, const request&>;

/// Replaces a response, or leaves it as it is; otherwise the same.
using response_step =
    awaitable_function<std::optional<response>, handshake&, const request&, const response&>;

/// One step, or several in braces, asked in order until one gives a response.
template <class Step>
class handshake_steps {
 public:
  handshake_steps() noexcept = default;
  template <std::convertible_to<Step> Function>
  handshake_steps(Function step) : steps_{Step(std::move(step))} {}  // NOLINT: implicit
  handshake_steps(std::initializer_list<Step> steps) : steps_(steps) {}

  void add(Step step) { steps_.push_back(std::move(step)); }
  auto begin() const noexcept { return steps_.begin(); }
  auto end() const noexcept { return steps_.end(); }
  bool empty() const noexcept { return steps_.empty(); }

 private:
  std::vector<Step> steps_;
};

using request_steps = handshake_steps<request_step>;
using response_steps = handshake_steps<response_step>;

/// Header fields, or a function that makes them from the request.
class response_headers {
 public:
  using function = std::function<headers(const request&)>;

  response_headers() noexcept = default;
  response_headers(std::initializer_list<headers::field> fields) : fixed_(fields) {}
  response_headers(headers fields) : fixed_(std::move(fields)) {}  // NOLINT: implicit by design
  template <std::invocable<const request&> Function>
  response_headers(Function made) : made_(std::move(made)) {}  // NOLINT: implicit by design

  const headers& fixed() const noexcept { return fixed_; }
  headers of(const request& request) const { return made_ ? made_(request) : fixed_; }

 private:
  headers fixed_;
  function made_;
};

}  // namespace duplex
