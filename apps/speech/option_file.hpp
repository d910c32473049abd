// Reads files of options, a line each: `name = value`, as both TOML and INI write them.
#pragma once

#include <string>
#include <vector>

namespace duplex::speech {

struct file_option {
  std::string name;
  std::vector<std::string> values;  ///< More than one in a list: `["a", "b"]`.
  int line = 0;                     ///< Where its name stands, from 1.
};

/// All of a file, each line with an end. Throws std::runtime_error that names it.
std::string read_text_file(const std::string& path);

/// The options in the order of the file. A value is a word or stands between quotes; comments begin
/// with `#`, whole lines of them with `;` too. Throws std::runtime_error that names the file, where
/// there is a line the line, and what is wrong: nothing is skipped.
std::vector<file_option> read_option_file(const std::string& path);

}  // namespace duplex::speech
