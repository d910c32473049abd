// What the environment's variables DUPLEX_* set, for a whole process.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <optional>
#include <string>

namespace duplex::detail {

/// The variables, with their defaults. They are those of Python's websockets with another prefix.
struct environment {
  using seconds = std::chrono::duration<double>;

  std::size_t max_log_size = 75;                     ///< DUPLEX_MAX_LOG_SIZE, characters
  std::size_t max_line_length = 8192;                ///< DUPLEX_MAX_LINE_LENGTH, bytes
  std::size_t max_num_headers = 128;                 ///< DUPLEX_MAX_NUM_HEADERS
  std::size_t max_body_size = std::size_t{1} << 20;  ///< DUPLEX_MAX_BODY_SIZE, bytes
  std::size_t max_redirects = 10;                    ///< DUPLEX_MAX_REDIRECTS
  seconds backoff_initial_delay{5};                  ///< DUPLEX_BACKOFF_INITIAL_DELAY, seconds
  seconds backoff_min_delay{3.1};                    ///< DUPLEX_BACKOFF_MIN_DELAY, seconds
  seconds backoff_max_delay{90};                     ///< DUPLEX_BACKOFF_MAX_DELAY, seconds
  double backoff_factor = 1.618;                     ///< DUPLEX_BACKOFF_FACTOR, at least 1
};

/// Gives a variable's text; nullptr where it is not set.
using environment_variables = std::function<const char*(const char* name)>;

/// Throws std::invalid_argument where a variable makes no sense, naming it and its text.
environment read_environment(const environment_variables& variables);

/// The environment of the process, read at the first call that succeeds.
const environment& process_environment();

/// DUPLEX_SERVER or DUPLEX_USER_AGENT as it was when first asked for; nullopt where it is not set.
const std::optional<std::string>& server_of_environment();
const std::optional<std::string>& user_agent_of_environment();

}  // namespace duplex::detail
