// The life of a server's thread.
#include "api/server_thread.hpp"

#include <utility>

#include "base/thread.hpp"

namespace duplex::detail {

server_thread::server_thread(std::shared_ptr<const server_settings> settings,
                             const publisher& publisher, std::function<void()> ended)
    : ended_(std::move(ended)) {
  std::promise<server_parts::part> started;
  auto part = started.get_future();
  thread_ = start_thread(
      [this, settings = std::move(settings), publisher, started = std::move(started)]() mutable {
        run(std::move(settings), publisher, std::move(started));
      });
  try {
    part_ = part.get();
  } catch (...) {
    thread_.join();
    throw;
  }
}

server_thread::~server_thread() {
  part_.handle.post([this] { dropped_ = true; });
  thread_.join();
}

void server_thread::finish() {
  part_.handle.post([this] { finishing_ = true; });
}

void server_thread::run(std::shared_ptr<const server_settings> settings, const publisher& publisher,
                        std::promise<server_parts::part> started) try {
  io::loop loop;
  const auto served = std::make_shared<server_loop>(std::move(settings), publisher, load_);
  started.set_value({std::this_thread::get_id(), loop.handle(), served, load_});
  loop.run_until([&] { return dropped_ || (finishing_ && load_->load() == 0); });
  // Connections that close in the background, each bounded by its own close_timeout.
  loop.run_until([&] { return dropped_ || loop.kept() == 0; });
  served->drop();
  ended_();
} catch (...) {
  started.set_exception(std::current_exception());
}

}  // namespace duplex::detail
