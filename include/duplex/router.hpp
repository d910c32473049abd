// Handlers by the path of the request.
#pragma once

#include <concepts>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <duplex/coro/task.hpp>
#include <duplex/handshake_steps.hpp>
#include <duplex/options.hpp>
#include <duplex/server.hpp>

namespace duplex {

/// What a path leads to: a handler of connections, or a step that answers plain HTTP.
class endpoint {
 public:
  template <class Function>
  requires std::is_invocable_r_v<task<>, Function&, connection&> endpoint(Function handler)
      : to_(connection_handler(std::move(handler))) {}  // NOLINT: implicit
  template <std::convertible_to<request_step> Function>
  requires(!std::is_invocable_r_v<task<>, Function&, connection&>) endpoint(Function step)
      : to_(request_step(std::move(step))) {}  // NOLINT: implicit

  const std::variant<connection_handler, request_step>& to() const noexcept { return to_; }

 private:
  std::variant<connection_handler, request_step> to_;
};

/// A path, such as "/chat/{room}", and where it leads.
///
/// A segment in braces is a parameter: it stands for one segment of any text but none, and
/// `{name...}` at the end for all that follow. Other segments are compared after percent-decoding.
/// A segment that decodes to something with a slash, a backslash or a control character, to "." or
/// "..", or to what is not UTF-8, matches nothing.
struct path_route {
  std::string path;
  endpoint to;
};

namespace detail {
class route_table;
}

/// Where requests go by their path; made by `route`.
class router {
 public:
  /// The first route that fits answers. What fits none is refused with 404, or with 308 where it
  /// would fit with a slash more or less at its end. A plain step that gives nullopt is no route.
  request_step step() const;
  /// Runs the handler of the route of a connection that opened.
  connection_handler handler() const;

 private:
  friend router route(std::vector<path_route> routes);
  explicit router(std::shared_ptr<const detail::route_table> table) : table_(std::move(table)) {}

  std::shared_ptr<const detail::route_table> table_;
};

/// Throws std::invalid_argument for a path that is none, or is there twice.
///
///     serve(route({{"/chat/{room}", chat}, {"/healthz", health_check}}), "", 8765);
///
/// `chat` finds the room in `ws.parameters().at("room")`.
router route(std::vector<path_route> routes);

/// As the other `serve`, with a handler for each route. The steps of process_request come before.
server serve(const router& routes, host_list hosts = {}, int port = 0, serve_options options = {});

}  // namespace duplex
