// Log records and where they go.
#pragma once

#include <functional>
#include <string_view>

namespace duplex {

enum class log_level : unsigned char { debug, info, warning, error };

/// One record; the views live as long as the call.
struct log_record {
  log_level level = log_level::info;
  std::string_view message = {};        ///< control characters escaped, no line end
  std::string_view connection_id = {};  ///< empty where the record is about no one connection
};

/// A sink. Called on the loop's thread; exceptions it throws are dropped.
using logger = std::function<void(const log_record&)>;

/// The default: warnings and errors to stderr.
logger stderr_logger(log_level least = log_level::warning);

std::string_view to_string(log_level level) noexcept;

}  // namespace duplex
