// What memory the process holds, to see that a peer cannot make it grow.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <fstream>

#include "support/sanitizers.hpp"

namespace duplex::test {

inline constexpr std::size_t mebibyte = std::size_t{1} << 20;

/// Resident memory of the process, in bytes.
inline std::size_t resident_memory() {
  std::ifstream statm("/proc/self/statm");
  std::size_t total = 0, resident = 0;
  statm >> total >> resident;
  return resident * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

/// How much the process has grown since this was made, at most, at the moments it was looked at.
class memory_growth {
 public:
  void look() { most_ = std::max(most_, resident_memory()); }
  /// Looks once more. A sanitizer keeps what was freed; there it says nothing.
  void expect_below(std::size_t bytes) {
    look();
    if (!sanitized) {
      EXPECT_LT(most_ - before_, bytes);
    }
  }

 private:
  std::size_t before_ = resident_memory(), most_ = before_;
};

}  // namespace duplex::test
