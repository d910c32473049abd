// Work on libuv's threads.
#include <duplex/io/worker.hpp>

#include <utility>

#include <uv.h>

#include <duplex/coro/wait.hpp>
#include <duplex/io/loop.hpp>

#include "io/error.hpp"
#include "io/handle.hpp"

namespace duplex::io::detail {
namespace {

class job final : public request {
 public:
  job(io::loop& loop, std::function<void()> work) : request(loop), work_(std::move(work)) {}

  void begin() {
    native_.data = this;
    const int error = uv_queue_work(
        loop_.native(), &native_,
        [](uv_work_t* native) noexcept { static_cast<job*>(native->data)->work_(); },
        [](uv_work_t* native, int) noexcept { static_cast<job*>(native->data)->finish(); });
    if (error < 0) throw_system_error(to_error_code(error), "cannot queue work");
    begun();
  }

 private:
  uv_req_t* native() noexcept override { return reinterpret_cast<uv_req_t*>(&native_); }

  uv_work_t native_ = {};
  std::function<void()> work_;
};

}  // namespace

task<> run_on_worker(std::function<void()> work) {
  auto& loop = loop::current();
  request_owner<job> running(new job(loop, std::move(work)));
  running->begin();
  while (!running->finished()) {
    coro::wait waiting(loop, running->waiting());
    co_await waiting;
  }
}

}  // namespace duplex::io::detail
