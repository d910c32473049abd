// Runs cases against a target.
#pragma once

#include <chrono>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "probe/probe_case.hpp"

namespace duplex::probe {

/// A case and what it found.
struct result {
  const probe_case* of = nullptr;
  probe::finding finding = {};
  std::chrono::milliseconds took = {};
};

/// Sets what the target is able to do. Gives what is wrong where it opens no connection at all for
/// a right handshake: cases make no sense then. Throws std::system_error where it does not listen.
std::optional<std::string> discover(target& target);

/// The findings, in the order of the cases, of which `jobs` run at a time.
std::vector<result> run(std::span<const probe_case> cases, const target& target, unsigned jobs);

}  // namespace duplex::probe
