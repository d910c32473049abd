// What all connections of a speech server share; on the loop's thread.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <duplex/coro/executor.hpp>
#include <duplex/io/loop.hpp>
#include <duplex/log.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "speech/memory_budget.hpp"
#include "speech/metrics.hpp"
#include "speech/models.hpp"
#include "speech/request/handler.hpp"
#include "speech/scheduler.hpp"
#include "speech/session/session_store.hpp"
#include "speech/stream/live_stream.hpp"

namespace duplex::speech {

/// What is known of a live session besides its state: for its log line and for the metrics.
struct session_record {
  std::string peer = {};
  std::uint16_t close_code = 0;  ///< Of its last connection; 0: that has not ended.
  std::int64_t connections = 0;
  time_point begun = {};
  std::shared_ptr<const live_stream> stream = {};
  std::int64_t audio_ms = 0;                ///< Of it, counted so far.
  std::optional<time_point> sound_at = {};  ///< When the open segment's first sound came.
  std::optional<std::chrono::milliseconds> first_partial = {};  ///< Its slowest, like the next.
  std::optional<std::chrono::milliseconds> final_lag = {};
  std::optional<std::chrono::milliseconds> stop_to_done = {};
};

struct service_options {
  unsigned threads = 1;
  std::size_t max_sessions = 200;
  store_limits store = {};
  request_limits requests = {};
  std::size_t request_memory = std::size_t{1} << 30;
  /// Given one line of JSON, without its end, for each live session that ended.
  std::function<void(const std::string& line)> session_log = {};
  duplex::logger logger = stderr_logger();
  /// How many lines of the logs were given up, for the metrics.
  std::function<std::uint64_t()> lines_dropped = {};
};

/// A connection that can be asked to come to its end.
class drainable {
 public:
  virtual void drain(time_point deadline) = 0;

 protected:
  ~drainable() = default;
};

/// Sessions, the threads that work for them, and their figures. Lives as long as the loop runs
/// connections that use it.
class service {
 public:
  /// `models` must outlive it. Belongs to the calling thread's loop.
  service(const model_set& models, service_options options);
  ~service();
  service(const service&) = delete;
  service& operator=(const service&) = delete;

  const model_set& models() const { return handler_.models(); }
  const request_handler& handler() const { return handler_; }
  scheduler& workers() { return scheduler_; }
  session_store& sessions() { return store_; }
  metrics& figures() { return metrics_; }
  /// Any thread: calls the function on the loop, unless the service has gone by then.
  void post(std::function<void()> function) const;
  std::string metrics_text() const;
  /// An error that a client is told of: it is counted, and logged where it is for the operator to
  /// mend. `id` is the session's or the connection's.
  void note(error_code code, std::string_view message, const std::string& id);

  /// Whether no more connections are to be served: there are enough.
  bool is_full() const { return connections_.size() >= options_.max_sessions; }
  bool has_connections() const { return !connections_.empty(); }
  /// A connection begins and ends. False: it is one too many.
  bool enter(drainable& connection);
  void leave(drainable& connection);

  /// Bytes of one-message requests, from the first that came to the reply: what those of one
  /// network (see `network_of`) may have together, half of what all may.
  std::shared_ptr<memory_budget> request_memory(const std::string& network);

  /// What is known of a session that has not ended; nullptr otherwise.
  session_record* record_of(const session* of);
  /// What was changed in the store may have moved its deadline.
  void watch_store();

  /// Every connection comes to its end until `deadline`; new ones are refused.
  void drain(time_point deadline);
  bool is_draining() const { return draining_; }
  /// Whether nobody is served, and the end of every session was logged.
  bool is_idle() const { return connections_.empty() && records_.empty(); }
  /// Woken when a connection has left, or the end of a session was logged.
  coro::wait_queue& endings() { return endings_; }

 private:
  class stream;
  class store_timer;

  std::unique_ptr<stream_port> start_stream(const recognizer& model, const start_message& start,
                                            std::weak_ptr<session> owner);
  void tell(session& to, const std::vector<told_event>& events);
  void measure(session_record& record, const told_event& event);
  void count_audio(session_record& record);
  void log_end(const session& ended, const session_record& record);

  service_options options_;
  io::loop_handle loop_;
  std::shared_ptr<void> alive_ = std::make_shared<char>();
  metrics metrics_;
  request_handler handler_;
  std::shared_ptr<memory_budget> request_memory_;
  std::unordered_map<std::string, std::weak_ptr<memory_budget>> shares_;  // of it, by network
  scheduler scheduler_;
  std::unordered_map<std::string, std::shared_ptr<session_record>> records_;  // by the session's id
  std::unordered_set<drainable*> connections_;
  coro::wait_queue endings_;
  bool draining_ = false;
  session_store store_;
  std::unique_ptr<store_timer> store_timer_;
};

}  // namespace duplex::speech
