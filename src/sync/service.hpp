// The thread that looks after blocking connections while nobody is in a call.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "sync/socket.hpp"

namespace duplex::sync {

/// What the service thread looks after.
class serviced {
 public:
  /// What to wait for until the next look.
  struct wish {
    int socket = -1;
    short events = 0;  ///< of poll; none: the socket is left alone
    std::optional<clock::time_point> deadline = {};
  };

  /// Does what is due without blocking. `ready`: what poll said of the last wish. In the service
  /// thread.
  virtual wish look(clock::time_point now, short ready) noexcept = 0;

 protected:
  ~serviced() = default;

 private:
  friend class service;
  std::atomic<bool> wants_look_ = true;
};

/// One thread for all connections of the process. It is started with the first of them and joined
/// with the last, or when the process exits; connections that live on are then left alone.
/// Thread-safe.
class service {
 public:
  /// The service of the process.
  static std::shared_ptr<service> instance();

  service();
  ~service();
  service(const service&) = delete;
  service& operator=(const service&) = delete;

  void add(serviced& connection);
  /// Afterwards the thread does not touch it any more. Not with a lock held that `look` takes.
  void remove(serviced& connection);
  /// Has the thread look at the connection now. A connection that is not served is left alone.
  void wake(serviced& connection) const noexcept;
  void stop();

 private:
  struct entry {
    serviced* connection;
    serviced::wish wish = {};
    std::size_t slot = 0;  // in events_; 0 is the wake event's
  };

  void run();
  void look_where_due(clock::time_point now);
  std::optional<clock::time_point> collect_wishes();

  wake_event wake_;
  std::mutex mutex_;  // held while the thread looks, not while it waits
  std::vector<entry> entries_;
  bool stopping_ = false;
  std::vector<pollfd> events_;  // the thread's own
  std::once_flag joined_;
  std::thread thread_;
};

}  // namespace duplex::sync
