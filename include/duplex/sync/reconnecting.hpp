// A blocking client that connects again and again.
#pragma once

#include <memory>
#include <string_view>

#include <duplex/coro/limit.hpp>
#include <duplex/options.hpp>
#include <duplex/reconnect_options.hpp>
#include <duplex/sync/client.hpp>

namespace duplex::sync {

/// What duplex::reconnecting is, in the calling thread.
class reconnecting {
 public:
  /// As that of duplex::reconnecting.
  explicit reconnecting(std::string_view uri, const connect_options& options = {},
                        reconnect_options again = {});
  reconnecting(reconnecting&&) noexcept;
  reconnecting& operator=(reconnecting&&) noexcept;
  ~reconnecting();

  /// As that of duplex::reconnecting. A stop ends the wait between two attempts; an attempt that is
  /// under way is bounded by open_timeout. One thread at a time.
  client_connection next(limit limit = {});

 private:
  struct state;
  std::unique_ptr<state> state_;
};

}  // namespace duplex::sync
