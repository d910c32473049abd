// The service thread: look at each connection, wait for what they wish, again.
#include "sync/service.hpp"

#include <algorithm>

#include "base/thread.hpp"

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
    entries_.push_back({.connection = &connection});
  }
  wake(connection);
}

void service::remove(serviced& connection) {
  const std::lock_guard lock(mutex_);
  std::erase_if(entries_, [&](const entry& each) { return each.connection == &connection; });
}

void service::wake(serviced& connection) const noexcept {
  connection.wants_look_ = true;
  wake_.set();
}

void service::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.set();
  std::call_once(joined_, [this] { thread_.join(); });
}

void service::run() {
  for (;;) {
    std::optional<clock::time_point> deadline;
    {
      const std::lock_guard lock(mutex_);
      if (stopping_) return;
      look_where_due(clock::now());
      deadline = collect_wishes();
    }
    wait_for_events(events_, deadline);
    if (events_.front().revents != 0) wake_.clear();
  }
}

void service::look_where_due(clock::time_point now) {
  for (auto& [connection, wish, slot] : entries_) {
    const short ready = slot == 0 ? short{0} : events_[slot].revents;
    const bool due = wish.deadline && now >= *wish.deadline;
    if (connection->wants_look_.exchange(false) || ready != 0 || due) {
      wish = connection->look(now, ready);
    }
  }
}

// Fills events_ and gives the time of the next look.
std::optional<clock::time_point> service::collect_wishes() {
  std::optional<clock::time_point> deadline;
  events_.assign(1, {.fd = wake_.number(), .events = POLLIN, .revents = 0});
  for (auto& [connection, wish, slot] : entries_) {
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
