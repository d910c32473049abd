// Ready queue, timers and stop tokens of an executor.
#include <duplex/coro/executor.hpp>

#include <cassert>
#include <string>
#include <system_error>
#include <utility>

#include <duplex/error.hpp>

namespace duplex::coro {
namespace {

thread_local executor* current_executor = nullptr;

}  // namespace

void timer::arm(time_point at) {
  disarm();
  at_ = at;
  executor_->add(*this);
}

void timer::take_back() noexcept { executor_->remove(*this); }

void waiter::leave_queue() noexcept { queue_->remove(*this); }

void waiter::suspend(std::coroutine_handle<> coroutine, const limit& limit) {
  assert(!suspended());
  forget_stop();
  coroutine_ = coroutine;
  reason_ = wake_reason::pending;
  if (limit.token().stop_requested()) return wake(wake_reason::stopped);
  if (limit.deadline()) arm(*limit.deadline());
  if (limit.token().stop_possible()) stop_callback_.emplace(limit.token(), on_stop{this});
}

void waiter::suspend_in(wait_queue& queue, std::coroutine_handle<> coroutine, const limit& limit) {
  queue.push(*this);
  suspend(coroutine, limit);
}

void waiter::wake(wake_reason reason) noexcept {
  if (!suspended()) return;
  reason_ = reason;
  disarm();
  if (queue_) queue_->remove(*this);
  executor_.ready_.push(*this);
}

void waiter::throw_if_limited(std::string_view what) const {
  if (reason_ == wake_reason::timed_out) throw timeout(std::string(what) + " timed out");
  if (reason_ == wake_reason::stopped) {
    throw std::system_error(std::make_error_code(std::errc::operation_canceled), std::string(what));
  }
}

void waiter::on_stop::operator()() const noexcept {
  executor& executor = self->executor_;
  {
    std::lock_guard lock(executor.stopped_mutex_);
    self->listed_as_stopped_ = true;
    self->next_stopped_ = std::exchange(executor.stopped_, self);
  }
  executor.poke();
}

void waiter::forget_stop() noexcept {
  if (!stop_callback_) return;
  stop_callback_.reset();  // waits for a call of it under way on another thread
  std::lock_guard lock(executor_.stopped_mutex_);
  if (!std::exchange(listed_as_stopped_, false)) return;
  waiter** link = &executor_.stopped_;
  while (*link != this) link = &(*link)->next_stopped_;
  *link = next_stopped_;
}

wait_queue::~wait_queue() { assert(empty()); }

bool wait_queue::wake_one() noexcept {
  if (empty()) return false;
  first_->wake();
  return true;
}

void wait_queue::wake_all() noexcept {
  while (wake_one()) continue;
}

void wait_queue::push(waiter& pushed) noexcept {
  pushed.queue_ = this;
  pushed.previous_ = last_;
  pushed.next_ = nullptr;
  (last_ ? last_->next_ : first_) = &pushed;
  last_ = &pushed;
}

void wait_queue::remove(waiter& removed) noexcept {
  (removed.previous_ ? removed.previous_->next_ : first_) = removed.next_;
  (removed.next_ ? removed.next_->previous_ : last_) = removed.previous_;
  removed.queue_ = nullptr;
}

void deferred::defer() noexcept {
  if (std::exchange(deferred_, true)) return;
  executor& executor = deferring_executor_;
  previous_deferred_ = executor.last_deferred_;
  next_deferred_ = nullptr;
  (previous_deferred_ ? previous_deferred_->next_deferred_ : executor.first_deferred_) = this;
  executor.last_deferred_ = this;
}

void deferred::take_back() noexcept {
  if (!std::exchange(deferred_, false)) return;
  executor& executor = deferring_executor_;
  (previous_deferred_ ? previous_deferred_->next_deferred_ : executor.first_deferred_) =
      next_deferred_;
  (next_deferred_ ? next_deferred_->previous_deferred_ : executor.last_deferred_) =
      previous_deferred_;
}

resident::resident(coro::executor& executor) noexcept
    : home_(&executor), next_resident_(executor.youngest_resident_) {
  if (next_resident_) next_resident_->previous_resident_ = this;
  executor.youngest_resident_ = this;
}

void resident::leave() noexcept {
  if (!home_) return;
  (previous_resident_ ? previous_resident_->next_resident_ : home_->youngest_resident_) =
      next_resident_;
  if (next_resident_) next_resident_->previous_resident_ = previous_resident_;
  home_ = nullptr;
}

void executor::end_residents() noexcept {
  while (resident* const told = youngest_resident_) {
    told->leave();
    told->executor_ends();
  }
}

// What outlives it must not look for its place here.
executor::~executor() {
  while (youngest_resident_) youngest_resident_->leave();
  while (first_deferred_) first_deferred_->take_back();
  for (timer* each : timers_) each->position_ = timer::unarmed;
}

executor& executor::current() {
  if (!current_executor) {
    throw invalid_state("this thread has no loop yet: duplex::io::loop::current() makes one");
  }
  return *current_executor;
}

void executor::set_current(executor* executor) noexcept { current_executor = executor; }

void executor::run_ready() {
  if (std::exchange(running_, true)) return;
  for (;;) {
    if (waiter* next = ready_.first_) {
      ready_.remove(*next);
      next->coroutine_.resume();  // the waiter may be gone after it
    } else if (deferred* work = first_deferred_) {
      work->take_back();
      work->run_deferred();  // may be gone after it too
    } else {
      break;
    }
  }
  running_ = false;
}

std::optional<time_point> executor::next_timer() const {
  if (timers_.empty()) return std::nullopt;
  return timers_.front()->at_;
}

void executor::run_timers(time_point now) {
  const std::uint64_t last = armings_;
  while (!timers_.empty() && timers_.front()->at_ <= now && timers_.front()->sequence_ <= last) {
    timer& first = *timers_.front();
    first.disarm();
    first.expired();
  }
}

void executor::run_stopped() {
  std::lock_guard lock(stopped_mutex_);
  while (waiter* stopped = stopped_) {
    stopped_ = stopped->next_stopped_;
    stopped->listed_as_stopped_ = false;
    stopped->wake(wake_reason::stopped);
  }
}

void executor::add(timer& added) {
  timers_.push_back(&added);
  added.sequence_ = ++armings_;
  place(added, timers_.size() - 1);
  if (added.position_ == 0) timers_changed();
}

void executor::remove(timer& removed) noexcept {
  const std::size_t position = std::exchange(removed.position_, timer::unarmed);
  timer& last = *timers_.back();
  timers_.pop_back();
  if (&last != &removed) place(last, position);
  if (position == 0) timers_changed();
}

// Puts a timer where `position` is free, then moves it up or down to where the heap wants it.
void executor::place(timer& placed, std::size_t position) noexcept {
  auto earlier = [](const timer& a, const timer& b) {
    return a.at_ != b.at_ ? a.at_ < b.at_ : a.sequence_ < b.sequence_;
  };
  auto put = [this](timer& moved, std::size_t at) {
    timers_[at] = &moved;
    moved.position_ = at;
  };
  while (position > 0) {
    const std::size_t parent = (position - 1) / 2;
    if (!earlier(placed, *timers_[parent])) break;
    put(*timers_[parent], position);
    position = parent;
  }
  for (;;) {
    std::size_t child = 2 * position + 1;
    if (child >= timers_.size()) break;
    if (child + 1 < timers_.size() && earlier(*timers_[child + 1], *timers_[child])) ++child;
    if (!earlier(*timers_[child], placed)) break;
    put(*timers_[child], position);
    position = child;
  }
  put(placed, position);
}

}  // namespace duplex::coro
