// What a connection needs memory for only while it does something rare.
#pragma once

#include <cstddef>
#include <deque>
#include <duplex/coro/executor.hpp>
#include <duplex/message.hpp>
#include <vector>

#include "api/connection_impl.hpp"

namespace duplex::detail {

/// Messages that wait outside the core.
struct connection_impl::held_messages {
  std::deque<shared_message> in_order;  // behind a fragmented message
  std::vector<shared_message> latest;   // one a topic, for a slow peer
};

/// Messages received in fragments.
struct connection_impl::incoming_stream {
  struct part {
    message payload;
    bool last;
  };

  std::deque<part> parts;
  std::size_t bytes = 0;
  bool taken = false;         // someone has begun to receive a message and is not at its end
  bool waiting = false;       // a coroutine waits for the next part
  bool skipping = false;      // what comes up to the next end is of no use
  bool cut = false;           // nor is anything else: the connection closes and nobody takes it
  bool whole_wanted = false;  // recv was called since
  coro::wait_queue arrived;
};

}  // namespace duplex::detail
