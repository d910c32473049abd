// A pipe to itself (D. J. Bernstein's), and the handlers that write to it.
#include "connect/wakeup.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <duplex/error.hpp>
#include <system_error>

namespace duplex::cli {
namespace {

std::atomic<const wakeup*> signalled = nullptr;
// Atomic: a signal may come to any thread, also while another looks.
std::atomic<bool> interruption = false, redraw = false;
static_assert(std::atomic<bool>::is_always_lock_free);  // as a handler needs them

void on_signal(int signal) {
  const int error = errno;
  if (signal == SIGWINCH || signal == SIGCONT) {
    redraw = true;
  } else {
    interruption = true;
  }
  if (const auto* woken = signalled.load()) woken->notify();
  errno = error;
}

}  // namespace

wakeup::wakeup() {
  if (pipe(ends_) != 0) throw system_error({errno, std::generic_category()}, "pipe");
  for (const int end : ends_) {
    fcntl(end, F_SETFL, O_NONBLOCK);
    fcntl(end, F_SETFD, FD_CLOEXEC);
  }
}

wakeup::~wakeup() {
  for (const int end : ends_) close(end);
}

void wakeup::notify() const noexcept {
  // A pipe that is full wakes as well.
  [[maybe_unused]] const auto written = write(ends_[1], "", 1);
}

void wakeup::clear() const noexcept {
  char bytes[64];
  while (read(ends_[0], bytes, sizeof(bytes)) > 0) continue;
}

signal_watch::signal_watch(const wakeup& woken) {
  interruption = false;
  redraw = false;
  signalled = &woken;
  for (std::size_t i = 0; i < watched.size(); ++i) {
    struct sigaction action = {};
    action.sa_handler = on_signal;
    const bool redraws_only = watched[i] == SIGWINCH || watched[i] == SIGCONT;
    action.sa_flags = redraws_only ? SA_RESTART : static_cast<int>(SA_RESETHAND);
    sigaction(watched[i], &action, &before_[i]);
  }
}

signal_watch::~signal_watch() {
  for (std::size_t i = 0; i < watched.size(); ++i) sigaction(watched[i], &before_[i], nullptr);
  signalled = nullptr;
}

bool signal_watch::interrupted() const noexcept { return interruption; }

bool signal_watch::take_redraw() noexcept { return redraw.exchange(false); }

}  // namespace duplex::cli
