// The event loop of a thread: libuv behind an executor.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <utility>

#include <duplex/coro/executor.hpp>

struct uv_loop_s;

namespace duplex::io {

/// Posts to a loop from any thread, and may outlive it.
class loop_handle {
 public:
  /// Of no loop: as if it had ended.
  loop_handle() noexcept = default;
  /// Calls the function on the loop's thread, after those posted before; it must not throw. False:
  /// the loop has ended. What is still waiting when it ends is destroyed on its thread.
  bool post(std::function<void()> function) const;

 private:
  friend class loop;
  struct mailbox;
  explicit loop_handle(std::shared_ptr<mailbox> of) noexcept : mailbox_(std::move(of)) {}
  std::shared_ptr<mailbox> mailbox_;
};

/// One thread's event loop. Everything but `post` belongs to that thread.
///
/// The first loop of a process sets SIGPIPE to be ignored, unless the program has chosen something
/// else: a peer that leaves is an error code, not the end of the process.
class loop final : public coro::executor {
 public:
  /// Makes itself the thread's loop. Throws invalid_state where the thread has one.
  loop();
  /// Ends what belongs to it and is still there: servers and connections are dropped, the tasks of
  /// scopes destroyed. Then waits for blocking work under way and closes whatever else is open.
  /// Functions posted but not called yet are dropped. Frames that wait in no scope must be gone.
  ~loop() override;

  /// The calling thread's loop, made at its first use and destroyed with the thread.
  static loop& current();

  /// Handles events until `done` gives true; it is asked before and after each round. Throws
  /// invalid_state where the loop is running already.
  void run_until(const std::function<bool()>& done);

  /// Any thread: calls the function on the loop's thread, in order. It must not throw. The loop
  /// must outlive the call of `post`.
  void post(std::function<void()> function);
  /// The same for those who cannot know how long the loop lives.
  loop_handle handle() const;

  /// Owns an object until `release`, or until the loop ends: for what nobody else owns while it
  /// finishes in the background.
  void keep(std::shared_ptr<void> object);
  void release(const std::shared_ptr<void>& object) noexcept;
  std::size_t kept() const noexcept;

  coro::time_point now() const override;
  /// For the files of src/io.
  uv_loop_s* native() noexcept;

  /// A shared place for one read, of at least `size` bytes, valid until the next event: reading
  /// needs no memory per connection.
  std::span<std::byte> read_buffer(std::size_t size);

 private:
  void poke() noexcept override;
  void arm_timer();
  struct state;
  std::unique_ptr<state> state_;
};

}  // namespace duplex::io
