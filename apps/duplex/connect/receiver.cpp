// The loop of receiving, and how it ends.
#include "connect/receiver.hpp"

#include <duplex/error.hpp>

#include "connect/display.hpp"

namespace duplex::cli {

receiver::receiver(sync::client_connection& from, const wakeup& woken,
                   std::function<void(message)> take)
    : from_(from), woken_(woken), take_(std::move(take)), thread_([this] { receive_all(); }) {}

receiver::~receiver() {
  if (!thread_.joinable()) return;
  from_.abort();
  thread_.join();
}

void receiver::receive_all() {
  try {
    for (;;) {
      take_(from_.recv());
      woken_.notify();
    }
  } catch (const connection_closed_ok& end) {
    ending_ = {.ok = true, .told = describe(end)};
  } catch (const connection_closed& end) {
    ending_ = {.ok = false, .told = describe(end)};
  } catch (...) {
    failure_ = std::current_exception();
    from_.abort();
  }
  ended_ = true;
  woken_.notify();
}

const ending& receiver::join() {
  if (thread_.joinable()) thread_.join();
  if (failure_) std::rethrow_exception(failure_);
  return ending_;
}

}  // namespace duplex::cli
