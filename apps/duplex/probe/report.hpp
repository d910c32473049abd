// What a probe found, as a table for people and as JSON for programs.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "probe/run.hpp"

namespace duplex::probe {

/// How many of the results have each verdict.
struct counts {
  std::size_t ok = 0, wrong = 0, differs = 0, skipped = 0;

  std::size_t all() const { return ok + wrong + differs + skipped; }
  /// Nothing to complain about.
  bool spotless() const { return wrong == 0 && differs == 0; }
};
counts count(std::span<const result> results);

/// Lines of text. `verbose` shows the cases that are ok, too.
std::string write_table(const target& target, std::span<const result> results, bool verbose);

/// One JSON object: `uri`, `server`, `counts`, and `cases` with all that is known of each.
std::string write_json(const target& target, std::span<const result> results);

}  // namespace duplex::probe
