#include "speech/line_writer.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <condition_variable>
#include <mutex>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>

namespace duplex::speech {
namespace {

void write_all(int file, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(file, text.data(), text.size());
    if (written > 0) {
      text.remove_prefix(static_cast<std::size_t>(written));
    } else if (errno == EAGAIN) {  // whoever gave us the file, or shares it, does not want to wait
      pollfd room{file, POLLOUT, 0};
      ::poll(&room, 1, -1);
    } else if (errno != EINTR) {
      return;  // nobody reads it any more
    }
  }
}

}  // namespace

struct line_writer::state {
  state(int its_file, std::size_t its_most)
      : file(::fcntl(its_file, F_DUPFD_CLOEXEC, 0)), most(its_most) {
    if (file < 0) throw std::system_error(errno, std::generic_category(), "cannot write lines");
  }
  ~state() { ::close(file); }
  state(const state&) = delete;
  state& operator=(const state&) = delete;

  void run() {
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

  const int file;  // its own: a write that is blocked may outlive the caller's
  const std::size_t most;
  std::mutex mutex;
  std::condition_variable changed;
  std::string waiting;
  std::uint64_t dropped = 0;
  bool ending = false, ended = false;
};

line_writer::line_writer(int file, std::size_t most) : state_(std::make_shared<state>(file, most)) {
  std::thread([shared = state_] { shared->run(); }).detach();
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
