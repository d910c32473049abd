// A thread that receives, while another one sends.
#pragma once

#include <atomic>
#include <duplex/message.hpp>
#include <duplex/sync/client.hpp>
#include <exception>
#include <functional>
#include <string>
#include <thread>

#include "connect/wakeup.hpp"

namespace duplex::cli {

/// How a connection ended.
struct ending {
  bool ok = false;        ///< with 1000, 1001 or no code, on both sides
  std::string told = {};  ///< "1000 (OK)"
};

/// Hands every message to `take`, in its own thread, until the connection ends. Of `take`'s
/// exceptions the first drops the connection, and `join` throws it.
class receiver {
 public:
  /// `woken` is notified after each message, and at the end.
  receiver(sync::client_connection& from, const wakeup& woken, std::function<void(message)> take);
  /// Drops the connection where it has not ended.
  ~receiver();

  bool ended() const noexcept { return ended_; }
  /// Waits for the end, which someone must have brought about.
  const ending& join();

 private:
  void receive_all();

  sync::client_connection& from_;
  const wakeup& woken_;
  std::function<void(message)> take_;
  std::atomic<bool> ended_ = false;
  ending ending_;
  std::exception_ptr failure_;
  std::thread thread_;
};

}  // namespace duplex::cli
