// Starting threads of the library's own.
#pragma once

#include <signal.h>

#include <thread>
#include <utility>

namespace duplex {

/// Starts a thread that takes no signals: they are for the threads of the program.
template <class Function>
std::thread start_thread(Function function) {
  class signals_blocked {
   public:
    signals_blocked() {
      sigset_t all;
      sigfillset(&all);
      pthread_sigmask(SIG_SETMASK, &all, &before_);
    }
    ~signals_blocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

   private:
    sigset_t before_;
  } const blocked;
  return std::thread(std::move(function));
}

}  // namespace duplex
