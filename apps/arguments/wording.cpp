#include "arguments/wording.hpp"

#include <array>
#include <cstddef>
#include <optional>
#include <string_view>
#include <vector>

namespace duplex::arguments {
namespace {

// Each % of the shape stands for any text; $1 is the first, #1 the same without the zeros that end
// a fraction.
struct wording {
  CLI::ExitCodes kind;
  std::string_view shape, ours;
};

constexpr std::array wordings = {
    wording{CLI::ExitCodes::ExtrasError, "The following argument was not expected: -%",
            "no such option: '-$1'"},
    wording{CLI::ExitCodes::ExtrasError, "The following argument was not expected: %",
            "'$1' is one argument too many"},
    wording{CLI::ExitCodes::ExtrasError, "The following arguments were not expected: %",
            "no such options or arguments: $1"},
    wording{CLI::ExitCodes::ArgumentMismatch, "%: % required % missing", "$1 needs a value"},
    wording{CLI::ExitCodes::ArgumentMismatch, "%: At Most 1 required but received %",
            "$1 is given $2 times"},
    wording{CLI::ExitCodes::ArgumentMismatch, "% was given a disallowed flag override",
            "$1 takes no value"},
    wording{CLI::ExitCodes::RequiredError, "% is required", "$1 is missing"},
    wording{CLI::ExitCodes::RequiresError, "% requires %", "$1 needs $2 too"},
    wording{CLI::ExitCodes::ExcludesError, "% excludes %", "$1 and $2 exclude each other"},
    wording{CLI::ExitCodes::ValidationError, "%: Value % not in range % to %",
            "$1 must be from #3 to #4, got '$2'"},
    wording{CLI::ExitCodes::ValidationError, "%: % not in {%}", "$1 must be one of $3, got '$2'"},
    wording{CLI::ExitCodes::ValidationError, "%: Number less or equal to 0: %",
            "$1 must be positive, got '$2'"},
    wording{CLI::ExitCodes::ValidationError, "%: Failed parsing number (%)",
            "$1 must be a number, got '$2'"},
    wording{CLI::ExitCodes::ConversionError, "Could not convert: % = %", "$1 does not take '$2'"},
};

// What stands for each % where the text has the shape.
std::optional<std::vector<std::string_view>> match(std::string_view text, std::string_view shape) {
  std::vector<std::string_view> parts;
  auto wild = shape.find('%');
  if (text.substr(0, wild) != shape.substr(0, wild)) return std::nullopt;
  text.remove_prefix(wild);
  while (wild != shape.npos) {
    shape.remove_prefix(wild + 1);
    wild = shape.find('%');
    const auto literal = shape.substr(0, wild);
    const bool is_last = wild == shape.npos;
    const auto at = is_last && literal.empty() ? text.size()
                    : is_last                  ? text.rfind(literal)
                                               : text.find(literal);
    if (at == text.npos || (is_last && at + literal.size() != text.size())) return std::nullopt;
    parts.push_back(text.substr(0, at));
    text.remove_prefix(at + literal.size());
  }
  return parts;
}

std::string_view shorter(std::string_view number) {
  if (number.find('.') == number.npos) return number;
  number = number.substr(0, number.find_last_not_of('0') + 1);
  return number.substr(0, number.size() - (number.ends_with('.') ? 1 : 0));
}

std::string fill(std::string_view ours, const std::vector<std::string_view>& parts) {
  std::string result;
  for (std::size_t i = 0; i < ours.size(); ++i) {
    if (ours[i] != '$' && ours[i] != '#') {
      result += ours[i];
      continue;
    }
    const bool as_number = ours[i] == '#';
    const auto part = parts[static_cast<std::size_t>(ours[++i] - '1')];
    result += as_number ? shorter(part) : part;
  }
  return result;
}

}  // namespace

std::string worded(const CLI::Error& error) {
  const std::string theirs = error.what();
  for (const auto& [kind, shape, ours] : wordings) {
    if (static_cast<int>(kind) != error.get_exit_code()) continue;
    if (const auto parts = match(theirs, shape)) return fill(ours, *parts);
  }
  return theirs;
}

bool needs_help(const CLI::Error& error) {
  const auto kind = static_cast<CLI::ExitCodes>(error.get_exit_code());
  return kind == CLI::ExitCodes::ExtrasError || kind == CLI::ExitCodes::RequiredError ||
         kind == CLI::ExitCodes::ArgumentMismatch;
}

std::string renamed(std::string problem, std::span<const option_names> names) {
  for (const auto& [theirs, ours] : names) {
    if (const auto at = problem.find(theirs); at != problem.npos)
      problem.replace(at, theirs.size(), ours);
  }
  return problem;
}

}  // namespace duplex::arguments
