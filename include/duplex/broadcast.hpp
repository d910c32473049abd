// One message to many connections: to those one names, to all of a server, or to a topic's.
#pragma once

#include <concepts>
#include <memory>
#include <ranges>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include <duplex/broadcast_options.hpp>
#include <duplex/connection.hpp>
#include <duplex/payload.hpp>

namespace duplex {

namespace detail {
struct server_parts;
void broadcast(std::span<connection* const> connections, payload payload,
               const broadcast_options& options);
}  // namespace detail

/// Sends a message to connections of the calling thread's loop, without waiting for any.
///
/// Servers' connections share one copy of it, framed and compressed once for each agreement on
/// compression; clients' have one each, as clients mask. A compressed broadcast refers to no
/// earlier message, nor does the message after it, so that it may be everyone's. A connection that
/// is closing or closed is passed over; what fails at one is logged as a warning and harms no
/// other. Throws std::invalid_argument for text that is not UTF-8.
template <std::ranges::input_range Connections>
requires std::convertible_to<std::ranges::range_reference_t<Connections>, connection*> void
broadcast(Connections&& connections, payload payload, broadcast_options options = {}) {
  std::vector<connection*> all;
  for (connection* each : connections) all.push_back(each);
  detail::broadcast(all, payload, options);
}

/// Sends to a server's connections from any thread. A copy can be kept anywhere; once the server
/// is gone it does nothing.
///
/// Calls return at once. Messages of one thread arrive in the order of its calls; those for the
/// connections of the calling thread are queued before the call returns. Both throw
/// std::invalid_argument for text that is not UTF-8.
class publisher {
 public:
  /// To the subscribers of a topic (`connection::subscribe`). It costs what they do, and a notice
  /// to each other loop of the server.
  void publish(std::string_view topic, payload payload, broadcast_options options = {}) const;
  /// To all connections whose handlers run.
  void broadcast(payload payload, broadcast_options options = {}) const;

  /// For the files of src/api.
  explicit publisher(std::shared_ptr<const detail::server_parts> parts) noexcept
      : parts_(std::move(parts)) {}
  void publish(std::string_view topic, payload payload, const broadcast_options& options,
               const detail::connection_impl* except) const;

 private:
  std::shared_ptr<const detail::server_parts> parts_;
};

}  // namespace duplex
