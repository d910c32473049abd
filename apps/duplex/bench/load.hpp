// Load on an echo server: connections that send messages and time the replies.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <duplex/options.hpp>
#include <optional>
#include <string>

#include "bench/histogram.hpp"

namespace duplex::cli::bench {

/// What travels, how often, and for how long.
struct load_plan {
  std::string uri;
  connect_options options = {};
  unsigned threads = 1;
  std::size_t connections = 1;
  std::size_t size = 20;
  bool binary = false;
  /// Messages sent and not answered, on each connection.
  std::size_t in_flight = 1;
  /// Instead: messages each second, over all connections, sent at their times whatever comes back.
  std::optional<double> rate = {};
  std::chrono::nanoseconds time = std::chrono::seconds(10);
};

/// What came of it.
struct load_result {
  /// From when a message was to be sent (with a rate) or was sent, to its reply.
  histogram latencies;
  /// With a rate: how late this program itself was; part of the latencies.
  histogram lateness;
  std::uint64_t replies = 0;     ///< while the load lasted
  std::uint64_t refused = 0;     ///< connections that could not be opened
  std::uint64_t broken = 0;      ///< connections that ended early
  std::uint64_t wrong = 0;       ///< replies that are not what was sent
  std::uint64_t unanswered = 0;  ///< messages sent, or due and not even sent, to the end
  std::string problem = {};      ///< the first error of a connection
  double seconds = 0;            ///< that the load lasted, to the end of the last connection
  double own_cpu = 0;            ///< seconds of this program's CPU
  std::optional<double> server_cpu = {};  ///< seconds of the server's process, in all its threads
  bool server_gone = false;               ///< its process ended before the load did

  bool spotless() const noexcept { return refused + broken + wrong + unanswered == 0; }
  void add(const load_result& other);
};

/// Follows a run from another thread.
class load_watch {
 public:
  virtual ~load_watch() = default;
  /// Every tenth of a second: of the time gone by, the share (0 to 1), and the replies so far.
  virtual void progress(double share, std::uint64_t replies) = 0;
};

/// Runs the load to its end. `server` is the server's process, on this machine, for its CPU. Throws
/// std::invalid_argument and invalid_uri for options that `connect` refuses, std::runtime_error
/// where there is no such process.
load_result run_load(const load_plan& plan, std::optional<int> server, load_watch& watch);

}  // namespace duplex::cli::bench
