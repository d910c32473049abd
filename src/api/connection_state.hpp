// What a connection needs memory for only while it does something rare.
#pragma once

#include <cstddef>
#include <deque>
#include <duplex/coro/executor.hpp>
#include <duplex/message.hpp>
#include <vector>

#include "api/connection_impl.hpp"
#include "protocol/fragment_queue.hpp"

namespace duplex::detail {

/// Messages that wait outside the core.
struct connection_impl::held_messages {
  std::deque<shared_message> in_order;  // behind a fragmented message
  std::vector<shared_message> latest;   // one a topic, for a slow peer
};

/// Messages received in fragments.
struct connection_impl::incoming_stream {
  explicit incoming_stream(std::size_t bytes_max) noexcept : fragments(bytes_max) {}

  fragment_queue fragments;
  bool waiting = false;       // a coroutine waits for the next
  bool whole_wanted = false;  // recv was called since
  coro::wait_queue arrived;
};

}  // namespace duplex::detail
