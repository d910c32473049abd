// What CLI11 says of wrong arguments, in the words of our programs.
#pragma once

#include <CLI/Error.hpp>
#include <string>

namespace duplex::arguments {

/// What is wrong, such as "--port must be from 0 to 65535, got 'x'". Where an option is at fault,
/// its name comes first.
std::string worded(const CLI::Error& error);

/// Whether `--help` would: a value that is refused says what it must be; names and numbers of
/// arguments are to be looked up.
bool needs_help(const CLI::Error& error);

}  // namespace duplex::arguments
