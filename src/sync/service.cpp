// The service thread: look at each connection, wait for what they wish, again.
#include "sync/service.hpp"

#include <algorithm>

#include "sync/thread.hpp"

namespace duplex::sync {
namespace {

struct registry {
  std::mutex mutex;
  std::weak_ptr<service> current;
};

// Never destroyed: connections with static storage may come and go after everything else.
registry& the_registry() {
  static auto* const result = new registry;
  return *result;
}

// No thread may run while the program's static objects are destroyed.
struct stop_at_exit {
  ~stop_at_exit() {
    std::shared_ptr<service> running;
    {
      const std::lock_guard lock(the_registry().mutex);
      running = the_registry().current.lock();
    }
    if (running) running->stop();
  }
};

}  // namespace

std::shared_ptr<service> service::instance() {
  static const stop_at_exit guard;
  const std::lock_guard lock(the_registry().mutex);
  auto result = the_registry().current.lock();
  if (!result) the_registry().current = result = std::make_shared<service>();
  return result;
}

service::service() : thread_(start_thread([this] { run(); })) {}

service::~service() { stop(); }

void service::add(serviced& connection) {
  {
    const std::lock_guard lock(mutex_);
    entries_.push_back({&connection});
  }
  wake();
}

void service::remove(serviced& connection) {
  const std::lock_guard lock(mutex_);
  std::erase_if(entries_, [&](const entry& each) { return each.connection == &connection; });
}

void service::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake();
  std::call_once(joined_, [this] { thread_.join(); });
}

void service::run() {
  for (;;) {
    std::optional<clock::time_point> deadline;
    {
      const std::lock_guard lock(mutex_);
      if (stopping_) return;
      deadline = look_at_all(clock::now());
    }
    wait_for_events(events_, deadline);
    if (events_.front().revents != 0) wake_.clear();
  }
}

// Fills events_ and gives the time of the next look.
std::optional<clock::time_point> service::look_at_all(clock::time_point now) {
  std::optional<clock::time_point> deadline;
  events_.swap(events_before_);
  events_.assign(1, {.fd = wake_.number(), .events = POLLIN, .revents = 0});
  for (auto& [connection, slot] : entries_) {
    const auto wish = connection->look(now, slot == 0 ? short{0} : events_before_[slot].revents);
    slot = 0;
    if (wish.events != 0) {
      slot = events_.size();
      events_.push_back({.fd = wish.socket, .events = wish.events, .revents = 0});
    }
    if (wish.deadline && (!deadline || *wish.deadline < *deadline)) deadline = wish.deadline;
  }
  return deadline;
}

}  // namespace duplex::sync
