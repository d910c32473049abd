// Some people who speak to a server at once, and what they and the server make of it.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <span>
#include <string>

#include "conversation.hpp"
#include "live_client.hpp"

struct round_plan {
  live_plan live;
  std::chrono::milliseconds length{40'000};   ///< Of what each says, at least, without waiting.
  std::chrono::milliseconds session{12'000};  ///< The same of one session; then comes the next.
  std::chrono::milliseconds pause{2'000};     ///< Between two recordings.
};

struct round_figures {
  int clients = 0;
  live_results met = {};
  double server_cores = 0, client_cores = 0;  ///< For each stream: CPU time per second of audio.
  double resident_mb = 0;                     ///< The server's, at most.

  /// The value that this share of the values does not exceed; 0 where there are none.
  static double percentile(std::vector<double> values, double share);

  /// Whether nothing was lost, and 95 of 100 first texts, partials and ends were in time.
  bool keeps_up(std::chrono::milliseconds limit) const;

  static std::string csv_head();
  std::string csv_row() const;
  static void print_head();
  void print() const;
};

/// Lets so many speak to a server, a process of this machine, until all have ended.
round_figures measure(const round_plan& plan, std::span<const recorded> recordings, int clients,
                      pid_t server);
