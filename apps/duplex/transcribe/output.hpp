// Where transcripts go: standard output, and files.
#pragma once

#include <string>
#include <string_view>

namespace duplex::cli::transcribe {

/// Writes to standard output at once; on a terminal control characters do not act. Throws
/// std::system_error where it cannot be written to.
void print(std::string_view text);

/// Writes a file, whole. Throws std::system_error that names it.
void write_file(const std::string& path, std::string_view text);

/// A line on standard error that begins with the program's name, whatever is in it.
void complain(const std::string& about);

}  // namespace duplex::cli::transcribe
