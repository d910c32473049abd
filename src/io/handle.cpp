// Shared lifetimes of handles and requests.
#include "io/handle.hpp"

namespace duplex::io {

void handle::opened(uv_handle_t* native) noexcept {
  native_ = native;
  native_->data = this;
}

void handle::close() noexcept {
  if (!is_open()) return;
  closing();
  closing_ = true;
  begin_close();
}

void handle::closed(uv_handle_t* native) noexcept {
  auto* self = static_cast<handle*>(native->data);
  self->native_ = nullptr;
  if (!self->owned_) delete self;
}

void handle::disown::operator()(handle* disowned) const noexcept {
  disowned->owned_ = false;
  disowned->close();
  if (!disowned->native_) delete disowned;
}

void request::finish() noexcept {
  callback end(loop_);
  finished_ = true;
  waiting_.wake_all();
  if (!owned_) delete this;
}

void request::disown::operator()(request* disowned) const noexcept {
  disowned->owned_ = false;
  if (disowned->finished_) {
    delete disowned;
  } else {
    uv_cancel(disowned->native());
  }
}

}  // namespace duplex::io
