// Shares the threads that decode among streams and files, by when each should have had its turn.
#pragma once

#include <array>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <thread>
#include <unordered_map>
#include <vector>

namespace duplex::speech {

/// How soon a step should begin once it is wanted. Whose time is up first is first, so that whoever
/// listens, however many they are, never keeps finals waiting for good, nor the other way round.
///
/// Partials and files are for what time is left, in turn. Where none is, one of them in all is due
/// every two seconds: a file of an hour ends at some time, and a hundred files do not make a live
/// stream late. While streams are listened to, and for two seconds after, one thread, where there
/// are several, does nothing of it.
enum class urgency {
  listen,   // within 20 ms
  first,    // as that: a partial of a young segment that has had no text
  final,    // within 200 ms
  partial,  // within 2 s of being wanted and of the last such turn, as the next
  batch,
};
inline constexpr std::array urgencies{urgency::listen, urgency::first, urgency::final,
                                      urgency::partial, urgency::batch};
const char* to_string(urgency of);

/// Work that is done in steps, each short enough for others to wait for: a segment at most.
class schedulable {
 public:
  virtual ~schedulable() = default;

  /// What the next step does; nullopt: there is none for now. Asked while no step runs, from any
  /// thread and under the scheduler's lock: quick, and without a call of the scheduler.
  virtual std::optional<urgency> wants() const noexcept = 0;

  /// One step, on some thread, never two at once. Returns soon once `stop` is requested.
  virtual void step(const std::stop_token& stop) noexcept = 0;
};

/// Threads that do the steps of whoever wants one. Thread-safe.
///
/// In Linux their nice value is 10 more than that of the thread that makes them: a decoder wants a
/// core for long, the loop of a server a moment often, so that the loop comes first where there are
/// not enough cores for both.
class scheduler {
 public:
  using clock = std::chrono::steady_clock;

  /// A step that was done.
  struct turn {
    urgency wanted = urgency::listen;
    clock::duration waited = {};  ///< From when it was wanted to when it began.
    clock::duration worked = {};
  };
  /// Told of each step on the thread that did it; must not throw, nor call the scheduler.
  using observer = std::function<void(const turn&)>;

  /// Throws std::system_error where threads cannot be had, std::invalid_argument for none. `now` is
  /// called on any thread.
  explicit scheduler(unsigned threads, observer observe = {},
                     std::function<clock::time_point()> now = clock::now);
  /// Stops the steps that run, between tokens, and waits for them. No other begins.
  ~scheduler();

  /// Asks what it wants, and does that when its turn has come, and so on until it wants nothing.
  /// Keeps it until then; one that wants nothing is not kept. Whoever gave it something to do calls
  /// this.
  void wake(std::shared_ptr<schedulable> work);

  /// Begins no step of it any more, and stops the one that runs; does not wait for that. It must
  /// not be woken again.
  void cancel(const schedulable& work);

  /// How many wait for their turn with such a step.
  std::size_t waiting(urgency wanted) const;
  unsigned threads() const { return static_cast<unsigned>(threads_.size()); }

 private:
  struct entry;
  struct queue {  // of what may wait as long
    clock::duration patience;
    bool spare;  // one turn in that time is enough for all of it
    std::list<entry*> waiting = {};
    std::optional<clock::time_point> last_turn = {};
  };

  void work();
  void end();
  queue* most_urgent();
  bool has_room_for_spare_work() const;
  static clock::time_point due(const queue& of);
  void enqueue(entry& one, urgency wanted);
  void dequeue(entry& one);
  queue& queue_of(urgency wanted);

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::unordered_map<const schedulable*, std::unique_ptr<entry>> entries_;
  std::array<queue, 3> queues_{queue{std::chrono::milliseconds(20), false},
                               queue{std::chrono::milliseconds(200), false},
                               queue{std::chrono::seconds(2), true}};
  observer observe_;
  std::function<clock::time_point()> now_;
  const unsigned spare_threads_;  // that may do spare steps beside live streams
  unsigned spare_steps_ = 0;      // that run
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace duplex::speech
