// Log records and where they go.
#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace duplex {

enum class log_level : unsigned char { debug, info, warning, error };

/// One record; the views live as long as the call.
struct log_record {
  log_level level = log_level::info;
  std::string_view message = {};        ///< control characters escaped, no line end
  std::string_view connection_id = {};  ///< empty where the record is about no one connection
};

/// A sink. Called on the loop's thread, or by a blocking connection in the thread that calls it;
/// exceptions it throws are dropped.
using logger = std::function<void(const log_record&)>;

/// The default: warnings and errors to stderr, a line each, written at once.
logger stderr_logger(log_level least = log_level::warning);

/// "debug", "info", "warning" or "error".
std::string_view to_string(log_level level) noexcept;

/// Text that no terminal obeys: control characters become \n, \x1b and so on, a backslash \\.
std::string escaped(std::string_view text);

/// Hands a record to a sink, if there is one, with the message escaped.
void write_log(const logger& sink, log_level level, std::string_view message,
               std::string_view connection_id = {}) noexcept;

}  // namespace duplex
