// A server's side of one connection's opening: from the accepted stream to the open connection.
#pragma once

#include <atomic>
#include <duplex/connection.hpp>
#include <duplex/coro/task.hpp>
#include <duplex/io/stream.hpp>
#include <duplex/options.hpp>
#include <duplex/protocol/extension.hpp>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "protocol/trusted_proxies.hpp"

namespace duplex::detail {

/// What the openings of one server have in common.
struct opening_settings {
  std::shared_ptr<const serve_options> options;  // shared: a connection keeps its logger
  protocol::server_extensions extensions = {};
  trusted_proxies trusted = {};
  std::stop_token closing = {};  ///< stopped when the server closes: 503 from then on
  std::shared_ptr<std::atomic<bool>> warned_of_cookies = std::make_shared<std::atomic<bool>>(false);
};

/// Receives the request, decides and answers. nullopt: the connection did not open, for a reason
/// that is logged, unless the peer left without a word. `settings` must outlive the task.
task<std::optional<connection>> open_connection(const opening_settings& settings,
                                                std::unique_ptr<io::stream> stream);

/// Sends an answer without a look at the request, and waits a second for the peer's end; keeps
/// `counted` as long.
task<> refuse_connection(const opening_settings& settings, std::unique_ptr<io::stream> stream,
                         std::string answer, std::shared_ptr<void> counted);

}  // namespace duplex::detail
