// Signals of the process on libuv handles.
#include <duplex/io/signals.hpp>

#include <string>
#include <utility>
#include <vector>

#include <uv.h>

#include <duplex/io/loop.hpp>

#include "io/error.hpp"
#include "io/handle.hpp"

namespace duplex::io {
namespace {

// Shared, as a call of it may destroy the set.
using receiver = std::shared_ptr<const std::function<void(int)>>;

class watch final : public handle {
 public:
  watch(io::loop& loop, receiver told) : handle(loop), receiver_(std::move(told)) {
    uv_signal_init(loop.native(), &native_);
    opened(reinterpret_cast<uv_handle_t*>(&native_));
  }

  void start(int number) {
    const int error = uv_signal_start(
        &native_,
        [](uv_signal_t* native, int received) noexcept {
          auto& self = *static_cast<watch*>(static_cast<handle*>(native->data));
          callback end(self.loop());
          const receiver called = self.receiver_;
          (*called)(received);
        },
        number);
    if (error < 0) {
      throw_system_error(to_error_code(error), "cannot watch signal " + std::to_string(number));
    }
  }

 private:
  uv_signal_t native_;
  receiver receiver_;
};

}  // namespace

struct signal_set::state {
  std::vector<handle_owner<watch>> watches;
};

signal_set::signal_set(std::initializer_list<int> signals, std::function<void(int)> on_signal)
    : state_(std::make_unique<state>()) {
  auto shared = std::make_shared<const std::function<void(int)>>(std::move(on_signal));
  for (int number : signals) {
    handle_owner<watch> added(new watch(loop::current(), shared));
    added->start(number);
    state_->watches.push_back(std::move(added));
  }
}

signal_set::~signal_set() = default;

}  // namespace duplex::io
