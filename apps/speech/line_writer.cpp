#include "speech/line_writer.hpp"

#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <condition_variable>
#include <mutex>
#include <string_view>
#include <thread>
#include <utility>

namespace duplex::speech {
namespace {

void write_all(int file, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(file, text.data(), text.size());
    if (written < 0 && errno != EINTR) return;  // nobody reads it any more
    if (written > 0) text.remove_prefix(static_cast<std::size_t>(written));
  }
}

}  // namespace

struct line_writer::state {
  void run(int file) {
    sigset_t all;  // signals are for others, and a pipe without a reader is no reason to end
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, nullptr);
    std::unique_lock lock(mutex);
    for (;;) {
      changed.wait(lock, [this] { return ending || !waiting.empty(); });
      if (waiting.empty()) break;
      const std::string text = std::exchange(waiting, {});
      lock.unlock();
      write_all(file, text);
      lock.lock();
    }
    ended = true;
    changed.notify_all();
  }

  std::mutex mutex;
  std::condition_variable changed;
  std::string waiting;
  std::uint64_t dropped = 0;
  std::size_t most = 0;
  bool ending = false, ended = false;
};

line_writer::line_writer(int file, std::size_t most) : state_(std::make_shared<state>()) {
  state_->most = most;
  std::thread([shared = state_, file] { shared->run(file); }).detach();
}

line_writer::~line_writer() {
  std::unique_lock lock(state_->mutex);
  state_->ending = true;
  state_->changed.notify_all();
  state_->changed.wait_for(lock, std::chrono::seconds(1), [this] { return state_->ended; });
}

void line_writer::write(std::string line) {
  line += '\n';
  const std::lock_guard lock(state_->mutex);
  if (state_->waiting.size() + line.size() > state_->most) {
    ++state_->dropped;
    return;
  }
  state_->waiting += line;
  state_->changed.notify_all();
}

std::uint64_t line_writer::dropped() const {
  const std::lock_guard lock(state_->mutex);
  return state_->dropped;
}

}  // namespace duplex::speech
