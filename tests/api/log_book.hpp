// A sink of log records that keeps what it is told.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include <duplex/log.hpp>

namespace duplex::test {

/// Keeps lines like "error: text".
struct log_book {
  logger sink() {
    return [this](const log_record& record) {
      lines.push_back(std::string(to_string(record.level)) + ": " + std::string(record.message));
      ids.emplace_back(record.connection_id);
    };
  }
  std::size_t count(std::string_view line) const {
    return static_cast<std::size_t>(std::count(lines.begin(), lines.end(), line));
  }
  /// Those that begin and end so.
  std::size_t count_like(std::string_view begin, std::string_view end) const {
    return static_cast<std::size_t>(std::count_if(
        lines.begin(), lines.end(),
        [&](const std::string& line) { return line.starts_with(begin) && line.ends_with(end); }));
  }

  std::vector<std::string> lines, ids;
};

}  // namespace duplex::test
