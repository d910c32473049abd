// A pipe to itself (D. J. Bernstein's), and the handlers that write to it.
#include "connect/wakeup.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <system_error>

namespace duplex::cli {
namespace {

std::atomic<const wakeup*> signalled = nullptr;
volatile std::sig_atomic_t interruptions = 0, redraws = 0;

void on_signal(int signal) {
  const int error = errno;
  if (signal == SIGWINCH || signal == SIGCONT) {
    redraws = 1;
  } else {
    interruptions = 1;
  }
  if (const auto* woken = signalled.load()) woken->notify();
  errno = error;
}

}  // namespace

wakeup::wakeup() {
  if (pipe(ends_) != 0) throw std::system_error(errno, std::generic_category(), "pipe");
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
  interruptions = 0;
  redraws = 0;
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

bool signal_watch::interrupted() const noexcept { return interruptions != 0; }

bool signal_watch::take_redraw() noexcept {
  const bool wanted = redraws != 0;
  redraws = 0;
  return wanted;
}

}  // namespace duplex::cli
