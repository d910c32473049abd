// What libuv and its user share: objects that live until both have let go of them.
#pragma once

#include <memory>

#include <uv.h>

#include <duplex/coro/executor.hpp>
#include <duplex/io/loop.hpp>

namespace duplex::io {

/// At the end of each callback of libuv, none of which may throw: resumes what the callback made
/// ready, so that no coroutine waits for another round.
class callback {
 public:
  explicit callback(io::loop& loop) noexcept : loop_(loop) {}
  callback(const callback&) = delete;
  callback& operator=(const callback&) = delete;
  ~callback() { loop_.run_ready(); }

 private:
  io::loop& loop_;
};

/// A libuv handle. Its owner may go at any time, from inside a callback too: the object stays until
/// libuv has called back that it is closed. A loop that is destroyed closes all that are open.
class handle {
 public:
  handle(const handle&) = delete;
  handle& operator=(const handle&) = delete;

  io::loop& loop() const noexcept { return loop_; }
  bool is_open() const noexcept { return native_ && !closing_; }
  /// Nothing is called from now on.
  void close() noexcept;

  struct disown {
    void operator()(handle* disowned) const noexcept;
  };

 protected:
  explicit handle(io::loop& loop) noexcept : loop_(loop) {}
  virtual ~handle() = default;

  /// To be called once libuv has initialised the handle.
  void opened(uv_handle_t* native) noexcept;
  /// Lets go of what could call back, before the handle closes.
  virtual void closing() noexcept {}
  /// Closes, once `closing` has been called. May be put off where libuv allows no closing.
  virtual void begin_close() noexcept { uv_close(native_, closed); }

 private:
  static void closed(uv_handle_t* native) noexcept;

  io::loop& loop_;
  uv_handle_t* native_ = nullptr;
  bool owned_ = true;
  bool closing_ = false;
};

template <class Handle>
using handle_owner = std::unique_ptr<Handle, handle::disown>;

/// A libuv request. Its owner may go before its end: it is cancelled where it has not begun, else
/// it ends unseen; what it needs lives in it.
class request {
 public:
  request(const request&) = delete;
  request& operator=(const request&) = delete;

  bool finished() const noexcept { return finished_; }
  /// Woken at the end.
  coro::wait_queue& waiting() noexcept { return waiting_; }

  struct disown {
    void operator()(request* disowned) const noexcept;
  };

 protected:
  explicit request(io::loop& loop) noexcept : loop_(loop) {}
  virtual ~request() = default;

  virtual uv_req_t* native() noexcept = 0;
  /// To be called once libuv has taken the request.
  void begun() noexcept { finished_ = false; }
  /// To be called at the end of libuv's callback.
  void finish() noexcept;

  io::loop& loop_;

 private:
  coro::wait_queue waiting_;
  bool finished_ = true;
  bool owned_ = true;
};

template <class Request>
using request_owner = std::unique_ptr<Request, request::disown>;

}  // namespace duplex::io
