// Variables as numbers.
#include "base/environment.hpp"

#include <charconv>
#include <cstdlib>
#include <stdexcept>
#include <string_view>

#include <duplex/log.hpp>

namespace duplex::detail {
namespace {

[[noreturn]] void refuse(std::string_view name, std::string_view rule, std::string_view text) {
  throw std::invalid_argument("environment variable " + std::string(name) + " must be " +
                              std::string(rule) + ", got '" + escaped(text) + "'");
}

template <class Number>
std::optional<Number> number_of(std::string_view text) {
  Number value = {};
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (problem != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

void read(const environment_variables& variables, const char* name, std::size_t& to,
          std::size_t least) {
  const char* const text = variables(name);
  if (!text) return;
  const auto value = number_of<std::size_t>(text);
  if (!value || *value < least) {
    refuse(name, "a whole number of at least " + std::to_string(least), text);
  }
  to = *value;
}

double number(const environment_variables& variables, const char* name, double otherwise, int least,
              int most) {
  const char* const text = variables(name);
  if (!text) return otherwise;
  const auto value = number_of<double>(text);
  if (!value || !(*value >= least && *value <= most)) {
    refuse(name, "a number from " + std::to_string(least) + " to " + std::to_string(most), text);
  }
  return *value;
}

void read(const environment_variables& variables, const char* name, environment::seconds& to) {
  constexpr int seconds_max = 1'000'000'000;  // some thirty years; nanoseconds must hold them
  to = environment::seconds(number(variables, name, to.count(), 0, seconds_max));
}

std::optional<std::string> text_of(const char* name) {
  const char* const text = std::getenv(name);
  return text ? std::optional<std::string>(text) : std::nullopt;
}

}  // namespace

environment read_environment(const environment_variables& variables) {
  environment result;
  // Less would leave no room for the dots of what is cut.
  read(variables, "DUPLEX_MAX_LOG_SIZE", result.max_log_size, 12);
  read(variables, "DUPLEX_MAX_LINE_LENGTH", result.max_line_length, 1);
  read(variables, "DUPLEX_MAX_NUM_HEADERS", result.max_num_headers, 1);
  read(variables, "DUPLEX_MAX_BODY_SIZE", result.max_body_size, 0);
  read(variables, "DUPLEX_MAX_REDIRECTS", result.max_redirects, 0);
  read(variables, "DUPLEX_BACKOFF_INITIAL_DELAY", result.backoff_initial_delay);
  read(variables, "DUPLEX_BACKOFF_MIN_DELAY", result.backoff_min_delay);
  read(variables, "DUPLEX_BACKOFF_MAX_DELAY", result.backoff_max_delay);
  result.backoff_factor =
      number(variables, "DUPLEX_BACKOFF_FACTOR", result.backoff_factor, 1, 1'000'000);
  return result;
}

const environment& process_environment() {
  static const environment result =
      read_environment([](const char* name) { return std::getenv(name); });
  return result;
}

const std::optional<std::string>& server_of_environment() {
  static const auto text = text_of("DUPLEX_SERVER");
  return text;
}

const std::optional<std::string>& user_agent_of_environment() {
  static const auto text = text_of("DUPLEX_USER_AGENT");
  return text;
}

}  // namespace duplex::detail
