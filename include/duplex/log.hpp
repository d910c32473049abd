// Log records and where they go.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace duplex {

enum class log_level : unsigned char { debug, info, warning, error };

/// One record; the views live as long as the call.
struct log_record {
  log_level level = log_level::info;
  std::string_view message = {};        ///< control characters escaped, no line end
  std::string_view connection_id = {};  ///< empty where the record is about no one connection
};

/// A sink and the least level it is given. Converts from a function; without a level it is given
/// no debug records, which tell frames and headers: no query, no header that holds a credential
/// as far as its name says, and DUPLEX_MAX_LOG_SIZE characters of a payload at most.
///
/// The function is called on the loop's thread, or by a blocking connection in the thread that
/// calls it or the service thread; by servers of several threads on each. What it throws is
/// dropped. It must not use the connection it is told of.
class logger {
 public:
  using sink = std::function<void(const log_record&)>;

  /// Gives records to nobody.
  logger() noexcept = default;
  template <class Function>
  requires(std::is_invocable_v<Function&, const log_record&> &&
           !std::is_same_v<std::remove_cvref_t<Function>, logger>)
      logger(Function function, log_level least = log_level::info)  // NOLINT: implicit by design
      : sink_(std::move(function)), least_(least) {}

  /// Whether records of that level go anywhere.
  bool enabled(log_level level) const noexcept { return sink_ && level >= least_; }
  /// Gives the record to the sink, where its level is enabled.
  void operator()(const log_record& record) const {
    if (enabled(record.level)) sink_(record);
  }

 private:
  sink sink_;
  log_level least_ = log_level::info;
};

/// The default: warnings and errors to stderr, a line each with its time in UTC, written at once.
logger stderr_logger(log_level least = log_level::warning);

/// "debug", "info", "warning" or "error".
std::string_view to_string(log_level level) noexcept;

/// Text that no terminal obeys: `\n`, `\x1b`, `\u202e` and so on, a backslash as `\\`.
std::string escaped(std::string_view text);

/// Hands a record to a logger with the message escaped, where its level is enabled.
void write_log(const logger& to, log_level level, std::string_view message,
               std::string_view connection_id = {}) noexcept;

}  // namespace duplex
