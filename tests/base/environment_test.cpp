// Variables of the environment: their defaults, their effect, and what is refused.
#include "base/environment.hpp"

#include <gtest/gtest.h>

#include <map>
#include <stdexcept>
#include <string>

namespace duplex::detail {
namespace {

environment read(const std::map<std::string, std::string>& variables) {
  return read_environment([&](const char* name) -> const char* {
    const auto found = variables.find(name);
    return found == variables.end() ? nullptr : found->second.c_str();
  });
}

std::string refusal(const std::string& name, const std::string& text) {
  try {
    read({{name, text}});
  } catch (const std::invalid_argument& problem) {
    return problem.what();
  }
  return "accepted";
}

TEST(environment, defaults_are_those_of_the_reference) {
  const auto it = read({});
  EXPECT_EQ(it.max_log_size, 75u);
  EXPECT_EQ(it.max_line_length, 8192u);
  EXPECT_EQ(it.max_num_headers, 128u);
  EXPECT_EQ(it.max_body_size, 1048576u);
  EXPECT_EQ(it.max_redirects, 10u);
  EXPECT_EQ(it.backoff_initial_delay.count(), 5.0);
  EXPECT_EQ(it.backoff_min_delay.count(), 3.1);
  EXPECT_EQ(it.backoff_max_delay.count(), 90.0);
  EXPECT_EQ(it.backoff_factor, 1.618);
}

TEST(environment, every_variable_is_read) {
  const auto it = read({{"DUPLEX_MAX_LOG_SIZE", "200"},
                        {"DUPLEX_MAX_LINE_LENGTH", "100"},
                        {"DUPLEX_MAX_NUM_HEADERS", "7"},
                        {"DUPLEX_MAX_BODY_SIZE", "0"},
                        {"DUPLEX_MAX_REDIRECTS", "3"},
                        {"DUPLEX_BACKOFF_INITIAL_DELAY", "0.5"},
                        {"DUPLEX_BACKOFF_MIN_DELAY", "1"},
                        {"DUPLEX_BACKOFF_MAX_DELAY", "2.25"},
                        {"DUPLEX_BACKOFF_FACTOR", "2"}});
  EXPECT_EQ(it.max_log_size, 200u);
  EXPECT_EQ(it.max_line_length, 100u);
  EXPECT_EQ(it.max_num_headers, 7u);
  EXPECT_EQ(it.max_body_size, 0u);
  EXPECT_EQ(it.max_redirects, 3u);
  EXPECT_EQ(it.backoff_initial_delay.count(), 0.5);
  EXPECT_EQ(it.backoff_min_delay.count(), 1.0);
  EXPECT_EQ(it.backoff_max_delay.count(), 2.25);
  EXPECT_EQ(it.backoff_factor, 2.0);
}

TEST(environment, wrong_values_are_refused_with_name_and_text) {
  EXPECT_EQ(
      refusal("DUPLEX_MAX_REDIRECTS", "ten"),
      "environment variable DUPLEX_MAX_REDIRECTS must be a whole number of at least 0, got 'ten'");
  EXPECT_EQ(refusal("DUPLEX_BACKOFF_FACTOR", "0.9"),
            "environment variable DUPLEX_BACKOFF_FACTOR must be a number from 1 to 1000000, "
            "got '0.9'");
  for (const char* text : {"", " 1", "1 ", "-1", "1.5", "0x10", "99999999999999999999999"}) {
    EXPECT_NE(refusal("DUPLEX_MAX_BODY_SIZE", text), "accepted") << text;
  }
  for (const char* text : {"", "-1", "nan", "inf", "1s", "1e10"}) {
    EXPECT_NE(refusal("DUPLEX_BACKOFF_MAX_DELAY", text), "accepted") << text;
  }
  EXPECT_EQ(refusal("DUPLEX_BACKOFF_MAX_DELAY", "1e9"), "accepted");
  EXPECT_NE(refusal("DUPLEX_BACKOFF_FACTOR", "1000001"), "accepted");
  EXPECT_NE(refusal("DUPLEX_MAX_LOG_SIZE", "11"), "accepted");
  EXPECT_NE(refusal("DUPLEX_MAX_LINE_LENGTH", "0"), "accepted");
}

}  // namespace
}  // namespace duplex::detail
