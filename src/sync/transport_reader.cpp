// Waiting for a transport, whichever way it can go on.
#include "sync/transport_reader.hpp"

#include <duplex/buffer.hpp>
#include <duplex/error.hpp>

namespace duplex::sync {

std::span<const std::byte> transport_reader::read_some() {
  for (;;) {
    const bool has_output = !unsent_.empty() || transport_.has_output();
    pollfd event{.fd = transport_.descriptor(),
                 .events = static_cast<short>(has_output ? POLLIN | POLLOUT : POLLIN),
                 .revents = 0};
    if (!transport_.has_input()) wait_for_events({&event, 1}, deadline_);
    if ((event.revents & POLLOUT) != 0) write_now();
    if (transport_.has_input() || (event.revents & (POLLIN | POLLERR | POLLHUP)) != 0) {
      const auto read = transport_.read_some(space_);
      if (read.ended && transport_.error()) throw std::system_error(transport_.error(), doing_);
      if (read.ended || read.count != 0) return {space_.data(), read.count};
    }
    if (deadline_ && clock::now() >= *deadline_) throw timeout(doing_ + " timed out");
  }
}

// What cannot be written shows as the end when it is read.
void transport_reader::write_now() {
  const auto written = transport_.write_some({as_bytes(unsent_), {}});
  unsent_.erase(0, written.count);
}

}  // namespace duplex::sync
