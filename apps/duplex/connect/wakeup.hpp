// What wakes the thread that reads what is typed: other threads, and signals.
#pragma once

#include <array>
#include <csignal>

namespace duplex::cli {

/// A descriptor to poll, readable after `notify` until `clear`.
class wakeup {
 public:
  /// Throws std::system_error where the system has no descriptors left.
  wakeup();
  ~wakeup();
  wakeup(const wakeup&) = delete;
  wakeup& operator=(const wakeup&) = delete;

  /// Any thread, and signal handlers.
  void notify() const noexcept;
  void clear() const noexcept;
  int descriptor() const noexcept { return ends_[0]; }

 private:
  int ends_[2];
};

/// While it lives, signals notify a wakeup. There is one at most.
class signal_watch {
 public:
  explicit signal_watch(const wakeup& woken);
  ~signal_watch();
  signal_watch(const signal_watch&) = delete;
  signal_watch& operator=(const signal_watch&) = delete;

  /// SIGINT, SIGTERM or SIGHUP came. Another of the kind ends the process at once.
  bool interrupted() const noexcept;
  /// Whether the window has another size, or the program was stopped and goes on, since last asked.
  bool take_redraw() noexcept;

 private:
  static constexpr std::array watched = {SIGINT, SIGTERM, SIGHUP, SIGWINCH, SIGCONT};
  std::array<struct sigaction, watched.size()> before_;
};

}  // namespace duplex::cli
