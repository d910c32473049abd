// What a run of the load generator tells: while it lasts, and at its end.
#pragma once

#include <string>

#include "bench/load.hpp"

namespace duplex::cli::bench {

/// A bar on standard error, drawn in one line, where that is a terminal.
class progress_bar final : public load_watch {
 public:
  progress_bar();
  ~progress_bar() override;  ///< takes it off the screen
  progress_bar(const progress_bar&) = delete;
  progress_bar& operator=(const progress_bar&) = delete;

  void progress(double share, std::uint64_t replies) override;

 private:
  bool shown_;
};

/// Some lines to be read.
std::string write_text(const load_plan& plan, const load_result& result);
/// One object. Times are microseconds.
std::string write_json(const load_plan& plan, const load_result& result);

}  // namespace duplex::cli::bench
