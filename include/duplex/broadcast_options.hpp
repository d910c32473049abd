// How one message is sent to many connections.
#pragma once

#include <optional>
#include <type_traits>

namespace duplex {

/// What becomes of a broadcast at a connection that takes its messages too slowly. None of these
/// makes the sender wait.
enum class slow_consumer : unsigned char {
  /// It is queued all the same: memory grows by a reference to the message, and by small messages
  /// whole, for as long as the connection stays slow.
  buffer,
  /// It is not sent to a connection with more than write_limit bytes unsent: at most those and one
  /// message wait.
  drop,
  /// It waits outside the queue until what is unsent has left, and the next one (of the same topic)
  /// takes its place: at most write_limit bytes and one message (of each topic) wait. A message
  /// sent later may overtake it.
  latest_only,
  /// A connection with more than write_limit bytes unsent is closed with 1008 instead.
  disconnect,
};

/// Options of `broadcast`, `publish` and `post_send`.
struct broadcast_options {
  slow_consumer slow = slow_consumer::buffer;
  /// As in send_options, like the next.
  std::optional<bool> text = {};
  std::optional<bool> compress = {};
};

static_assert(std::is_trivially_destructible_v<broadcast_options>);

}  // namespace duplex
