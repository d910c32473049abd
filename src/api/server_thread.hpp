// One more thread of a server, with a loop of its own.
#pragma once

#include <functional>
#include <future>
#include <memory>
#include <thread>

#include "api/server_loop.hpp"

namespace duplex::detail {

/// Runs a server_loop from its construction until it is told to finish and has no connection left,
/// or until it is destroyed, which drops those it has. Belongs to the thread that made it.
class server_thread {
 public:
  /// Throws std::system_error where there are no more threads or descriptors. `ended` is called on
  /// the thread when it has finished.
  server_thread(std::shared_ptr<const server_settings> settings, const publisher& publisher,
                std::function<void()> ended);
  ~server_thread();
  server_thread(const server_thread&) = delete;
  server_thread& operator=(const server_thread&) = delete;

  const server_parts::part& part() const noexcept { return part_; }
  void finish();

 private:
  void run(std::shared_ptr<const server_settings> settings, const publisher& publisher,
           std::promise<server_parts::part> started);

  std::function<void()> ended_;
  bool finishing_ = false, dropped_ = false;  // the thread's own
  std::shared_ptr<server_load> load_ = std::make_shared<server_load>(0);
  server_parts::part part_;
  std::thread thread_;
};

}  // namespace duplex::detail
