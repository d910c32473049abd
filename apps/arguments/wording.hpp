// What CLI11 says of wrong arguments, in the words of our programs.
#pragma once

#include <CLI/Error.hpp>
#include <span>
#include <string>
#include <string_view>

namespace duplex::arguments {

/// What is wrong, such as "--port must be from 0 to 65535, got 'x'". Where an option is at fault,
/// its name comes first.
std::string worded(const CLI::Error& error);

/// Whether `--help` would: a value that is refused says what it must be; names and numbers of
/// arguments are to be looked up.
bool needs_help(const CLI::Error& error);

/// What the library calls an option of its, and what the program calls it.
struct option_names {
  std::string_view theirs, ours;
};

/// What is wrong in the library's words, with the program's names of options.
std::string renamed(std::string problem, std::span<const option_names> names);

}  // namespace duplex::arguments
