#include "speech/scheduler.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace duplex::speech {
namespace {

constexpr auto live = std::chrono::seconds(2);  // since a stream was listened to

// In Linux a thread has a nice value of its own, and begins with that of the one that made it.
void lower_priority_of_this_thread() {
  constexpr int lower = 10;
  const auto self = static_cast<id_t>(gettid());
  setpriority(PRIO_PROCESS, self, getpriority(PRIO_PROCESS, self) + lower);
}

}  // namespace

const char* to_string(urgency of) {
  switch (of) {
    case urgency::listen:
      return "listen";
    case urgency::first:
      return "first";
    case urgency::final:
      return "final";
    case urgency::partial:
      return "partial";
    case urgency::batch:
      break;
  }
  return "batch";
}

// Somebody who wants a step, or whose step runs: then it is in no queue.
struct scheduler::entry {
  std::shared_ptr<schedulable> of;
  std::optional<urgency> queued = {};
  clock::time_point since = {};
  // When a partial was wanted, of which there was neither a turn since nor one of a final.
  std::optional<clock::time_point> partial_since = {};
  std::list<entry*>::iterator place = {};
  bool cancelled = false;
  std::stop_source stop = {};
};

scheduler::scheduler(unsigned threads, observer observe, std::function<clock::time_point()> now)
    : observe_(std::move(observe)),
      now_(std::move(now)),
      spare_threads_(threads > 1 ? threads - 1 : 1) {
  if (threads == 0) throw std::invalid_argument("a scheduler needs a thread, not 0");
  try {
    for (unsigned i = 0; i < threads; ++i) threads_.emplace_back([this] { work(); });
  } catch (...) {
    end();
    throw;
  }
}

scheduler::~scheduler() { end(); }

void scheduler::end() {
  std::vector<std::stop_source> running;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    for (const auto& [of, one] : entries_) {
      if (!one->queued) running.push_back(one->stop);
    }
  }
  changed_.notify_all();
  for (auto& each : running) each.request_stop();
  for (auto& thread : threads_) thread.join();
}

void scheduler::wake(std::shared_ptr<schedulable> work) {
  {
    const std::lock_guard lock(mutex_);
    auto& place = entries_[work.get()];
    if (place && !place->queued) return;  // it runs, and is asked once that step is done
    const auto wanted = work->wants();
    if (!wanted) {
      if (place) dequeue(*place);
      place.reset();
      entries_.erase(work.get());
      return;
    }
    if (!place) place.reset(new entry{std::move(work)});
    enqueue(*place, *wanted);
  }
  changed_.notify_one();
}

void scheduler::cancel(const schedulable& work) {
  std::unique_ptr<entry> dropped;  // destroyed without the lock, as it may be the last owner
  std::stop_source running(std::nostopstate);
  {
    const std::lock_guard lock(mutex_);
    const auto found = entries_.find(&work);
    if (found == entries_.end()) return;
    entry& one = *found->second;
    one.cancelled = true;
    if (one.queued) {
      dequeue(one);
      dropped = std::move(found->second);
      entries_.erase(found);
    } else {
      running = one.stop;
    }
  }
  running.request_stop();
}

std::size_t scheduler::waiting(urgency wanted) const {
  const std::lock_guard lock(mutex_);
  return static_cast<std::size_t>(std::ranges::count_if(
      entries_, [&](const auto& each) { return each.second->queued == wanted; }));
}

void scheduler::work() {
  lower_priority_of_this_thread();
  std::unique_lock lock(mutex_);
  for (;;) {
    queue* found = nullptr;
    changed_.wait(lock, [&] { return stopping_ || (found = most_urgent()) != nullptr; });
    if (stopping_) return;
    queue& from = *found;
    entry& one = *from.waiting.front();
    const auto wanted = *one.queued;
    const auto began = now_();
    from.last_turn = began;
    dequeue(one);
    if (wanted != urgency::listen) one.partial_since.reset();
    const bool is_spare = from.spare;
    spare_steps_ += is_spare;
    lock.unlock();

    one.of->step(one.stop.get_token());
    if (observe_) observe_({wanted, began - one.since, now_() - began});

    lock.lock();
    spare_steps_ -= is_spare;
    if (is_spare) changed_.notify_one();  // whom it kept waiting
    const auto next = one.cancelled ? std::nullopt : one.of->wants();
    if (next) {
      enqueue(one, *next);
      continue;
    }
    const auto dropped = std::move(entries_.extract(one.of.get()).mapped());
    lock.unlock();  // while it may be destroyed
    dropped->of.reset();
    lock.lock();
  }
}

// The queue whose first is due first; nullptr: nobody waits for whom there is a thread.
scheduler::queue* scheduler::most_urgent() {
  const bool has_room = has_room_for_spare_work();
  queue* first = nullptr;
  for (queue& each : queues_) {
    if (each.waiting.empty() || (each.spare && !has_room)) continue;
    if (first == nullptr || due(each) < due(*first)) first = &each;
  }
  return first;
}

bool scheduler::has_room_for_spare_work() const {
  if (spare_steps_ < spare_threads_) return true;
  if (!queues_[0].waiting.empty()) return false;
  const auto& last_listened = queues_[0].last_turn;
  return !last_listened || now_() - *last_listened > live;
}

scheduler::clock::time_point scheduler::due(const queue& of) {
  const auto since = of.waiting.front()->since;
  return (of.spare && of.last_turn ? std::max(since, *of.last_turn) : since) + of.patience;
}

// One that is queued already keeps its place, unless it has become more or less urgent. A partial
// has the place of when it was wanted, however often its stream has listened meanwhile: a stream
// does at each message, so that partials would wait by luck.
void scheduler::enqueue(entry& one, urgency wanted) {
  if (one.queued && &queue_of(*one.queued) == &queue_of(wanted)) {
    one.queued = wanted;
    return;
  }
  dequeue(one);
  one.since = now_();
  if (wanted == urgency::first || wanted == urgency::partial) {
    if (!one.partial_since) one.partial_since = one.since;
    one.since = *one.partial_since;
  }
  auto& waiting = queue_of(wanted).waiting;
  auto next = waiting.end();
  while (next != waiting.begin() && (*std::prev(next))->since > one.since) --next;
  one.place = waiting.insert(next, &one);
  one.queued = wanted;
}

void scheduler::dequeue(entry& one) {
  if (one.queued) queue_of(*one.queued).waiting.erase(one.place);
  one.queued.reset();
}

scheduler::queue& scheduler::queue_of(urgency wanted) {
  switch (wanted) {
    case urgency::listen:
    case urgency::first:
      return queues_[0];
    case urgency::final:
      return queues_[1];
    case urgency::partial:
    case urgency::batch:
      break;
  }
  return queues_[2];
}

}  // namespace duplex::speech
