// Rounds of the event loop, and what other threads hand to it.
#include <duplex/io/loop.hpp>

#include <cassert>
#include <chrono>
#include <csignal>
#include <mutex>
#include <optional>
#include <unordered_set>
#include <utility>
#include <vector>

#include <uv.h>

#include <duplex/error.hpp>

#include "io/error.hpp"
#include "io/handle.hpp"

namespace duplex::io {
namespace {

thread_local loop* current_loop = nullptr;

void ignore_broken_pipes() {
#ifdef SIGPIPE
  static const bool once = [] {
    struct sigaction present = {};
    if (sigaction(SIGPIPE, nullptr, &present) == 0 && present.sa_handler == SIG_DFL) {
      std::signal(SIGPIPE, SIG_IGN);
    }
    return true;
  }();
  static_cast<void>(once);
#endif
}

}  // namespace

struct loop_handle::mailbox {
  std::mutex mutex;
  std::vector<std::function<void()>> posted;
  uv_async_t* async = nullptr;  // nullptr: the loop has ended

  void call_all() {
    std::vector<std::function<void()>> taken;
    {
      std::lock_guard lock(mutex);
      taken.swap(posted);
    }
    for (auto& function : taken) function();
  }
  void close() {
    std::vector<std::function<void()>> dropped;
    std::lock_guard lock(mutex);
    dropped.swap(posted);
    async = nullptr;
  }
};

bool loop_handle::post(std::function<void()> function) const {
  if (!mailbox_) return false;
  std::lock_guard lock(mailbox_->mutex);
  if (!mailbox_->async) return false;
  mailbox_->posted.push_back(std::move(function));
  uv_async_send(mailbox_->async);
  return true;
}

struct loop::state {
  uv_loop_t native;
  uv_async_t async;
  uv_timer_t timer;
  std::optional<coro::time_point> timer_at;  // what `timer` is set to

  std::shared_ptr<loop_handle::mailbox> mailbox = std::make_shared<loop_handle::mailbox>();
  std::unordered_set<std::shared_ptr<void>> kept;

  std::unique_ptr<std::byte[]> read_buffer;
  std::size_t read_size = 0;
  bool running = false;
};

loop::loop() : state_(std::make_unique<state>()) {
  if (current_loop) throw invalid_state("this thread has a loop already");
  ignore_broken_pipes();
  if (int error = uv_loop_init(&state_->native); error < 0) {
    throw_system_error(to_error_code(error), "cannot make an event loop");
  }
  state_->native.data = this;
  state_->timer.data = state_->async.data = nullptr;  // all others have a `handle` there
  uv_timer_init(&state_->native, &state_->timer);
  const int error = uv_async_init(&state_->native, &state_->async, [](uv_async_t* async) noexcept {
    auto& self = *static_cast<loop*>(async->loop->data);
    callback end(self);
    self.state_->mailbox->call_all();
    self.run_stopped();
  });
  if (error < 0) {
    uv_close(reinterpret_cast<uv_handle_t*>(&state_->timer), nullptr);
    uv_run(&state_->native, UV_RUN_DEFAULT);
    uv_loop_close(&state_->native);
    throw_system_error(to_error_code(error), "cannot make an event loop");
  }
  state_->mailbox->async = &state_->async;
  current_loop = this;
  set_current(this);
}

loop::~loop() {
  end_residents();
  while (!state_->kept.empty()) std::exchange(state_->kept, {}).clear();
  state_->mailbox->close();
  uv_walk(
      &state_->native,
      [](uv_handle_t* native, void*) {
        if (native->data) {
          static_cast<io::handle*>(native->data)->close();
        } else if (!uv_is_closing(native)) {
          uv_close(native, nullptr);
        }
      },
      nullptr);
  uv_run(&state_->native, UV_RUN_DEFAULT);
  [[maybe_unused]] const int error = uv_loop_close(&state_->native);
  assert(error == 0);
  current_loop = nullptr;
  set_current(nullptr);
}

loop& loop::current() {
  if (!current_loop) {
    static thread_local std::unique_ptr<loop> owned;
    owned = std::make_unique<loop>();
  }
  return *current_loop;
}

void loop::run_until(const std::function<bool()>& done) {
  if (state_->running) {
    throw invalid_state("the loop is running already: await instead of running it again");
  }
  struct running {
    bool& flag;
    explicit running(bool& set) : flag(set) { flag = true; }
    ~running() { flag = false; }
  } running(state_->running);

  for (;;) {
    run_ready();
    if (done()) return;
    arm_timer();
    uv_run(&state_->native, UV_RUN_ONCE);
  }
}

// Looked at once a round; a timer set too early rings for nothing, which costs less than moving it
// for every wait that had a deadline and did not need it.
void loop::arm_timer() {
  const auto next = next_timer();
  if (!next || (state_->timer_at && *state_->timer_at <= *next)) return;
  state_->timer_at = next;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(*next - now()).count();
  uv_update_time(&state_->native);
  uv_timer_start(
      &state_->timer,
      [](uv_timer_t* timer) noexcept {
        auto& self = *static_cast<loop*>(timer->loop->data);
        callback end(self);
        self.state_->timer_at.reset();
        uv_stop(timer->loop);  // timers come before polling: it must not wait for the next one
        self.run_timers(self.now());
      },
      left > 0 ? static_cast<std::uint64_t>(left) : 0, 0);
}

void loop::post(std::function<void()> function) { handle().post(std::move(function)); }

loop_handle loop::handle() const { return loop_handle(state_->mailbox); }

void loop::poke() noexcept { uv_async_send(&state_->async); }

void loop::keep(std::shared_ptr<void> object) { state_->kept.insert(std::move(object)); }

void loop::release(const std::shared_ptr<void>& object) noexcept { state_->kept.erase(object); }

std::size_t loop::kept() const noexcept { return state_->kept.size(); }

coro::time_point loop::now() const { return coro::clock::now(); }

uv_loop_s* loop::native() noexcept { return &state_->native; }

std::span<std::byte> loop::read_buffer(std::size_t size) {
  if (state_->read_size < size) {
    state_->read_buffer = std::make_unique_for_overwrite<std::byte[]>(size);
    state_->read_size = size;
  }
  return {state_->read_buffer.get(), state_->read_size};
}

}  // namespace duplex::io
