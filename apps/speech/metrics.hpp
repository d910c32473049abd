// What the server counts and measures, as Prometheus reads it.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <string_view>

#include "speech/error.hpp"
#include "speech/scheduler.hpp"

namespace duplex::speech {

/// Durations, counted by how long they are. Thread-safe.
class histogram {
 public:
  /// The upper bounds of all classes but the last, in seconds.
  static constexpr std::array bounds{0.005, 0.01, 0.025, 0.05, 0.1,  0.25,
                                     0.5,   1.0,  2.5,   5.0,  10.0, 30.0};

  void observe(std::chrono::duration<double> value);
  /// Appends the samples of the metric `name`; `labels` such as `work="final"`, or none.
  void write(std::string& to, std::string_view name, std::string_view labels = {}) const;

 private:
  std::array<std::atomic<std::uint64_t>, bounds.size() + 1> counts_{};
  std::atomic<double> sum_ = 0;
};

using counter = std::atomic<std::uint64_t>;
using gauge = std::atomic<std::int64_t>;

/// All of a server's. Thread-safe.
struct metrics {
  gauge sessions = 0;  ///< Live sessions, those waiting to be resumed among them.
  gauge connections = 0;
  gauge draining = 0;  ///< 1 while the server ends.
  counter sessions_total = 0;
  counter resumed_total = 0;
  counter requests_total = 0;
  counter received_bytes_total = 0;  ///< Payload of messages, like the next.
  counter sent_bytes_total = 0;
  counter partials_total = 0;
  counter finals_total = 0;
  std::atomic<double> audio_seconds_total = 0;
  std::array<counter, all_error_codes.size()> errors_total{};

  histogram first_partial;  ///< From the arrival of a segment's first sound to its first partial.
  histogram final_lag;      ///< From the arrival of a segment's last sound to its final.
  histogram partial_lag;    ///< From the arrival of the last sound of a partial to the partial.
  histogram stop_to_done;   ///< From `stop` to the last final.
  std::array<histogram, urgencies.size()> queue_wait;
  std::array<histogram, urgencies.size()> step_time;

  void count(error_code code) { ++errors_total[static_cast<std::size_t>(code)]; }
  void observe(const scheduler::turn& turn);

  /// The text exposition format, version 0.0.4. `waiting` gives the length of a queue; of the log,
  /// `lines_dropped` were not written.
  std::string text(const std::function<std::size_t(urgency)>& waiting,
                   std::uint64_t lines_dropped = 0) const;
};

}  // namespace duplex::speech
