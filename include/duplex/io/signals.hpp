// Signals of the process, told on a loop.
#pragma once

#include <functional>
#include <initializer_list>
#include <memory>

namespace duplex::io {

/// Calls back on the calling thread's loop for each signal of the set, until destroyed, which may
/// be from inside the call. Several sets, of one loop or several, may share a signal; what it does
/// by default comes back when the last one is gone. Throws std::system_error where a signal cannot
/// be watched (SIGKILL, SIGSTOP).
class signal_set {
 public:
  signal_set(std::initializer_list<int> signals, std::function<void(int)> on_signal);
  ~signal_set();
  signal_set(const signal_set&) = delete;
  signal_set& operator=(const signal_set&) = delete;

 private:
  struct state;
  std::unique_ptr<state> state_;
};

}  // namespace duplex::io
