#include "transcribe/output.hpp"

#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <memory>
#include <system_error>

#include "escape.hpp"

namespace duplex::cli::transcribe {
namespace {

[[noreturn]] void fail(const std::string& path) {
  throw std::system_error(errno, std::generic_category(), "cannot write " + path);
}

bool write_whole(std::string_view text, FILE* to) {
  return std::fwrite(text.data(), 1, text.size(), to) == text.size();
}

}  // namespace

void print(std::string_view text) {
  static const bool is_terminal = isatty(STDOUT_FILENO) != 0;
  const bool written =
      is_terminal ? write_whole(printable(text), stdout) : write_whole(text, stdout);
  if (!written || std::fflush(stdout) != 0) fail("the output");
}

void write_file(const std::string& path, std::string_view text) {
  const auto close = [](FILE* file) { std::fclose(file); };
  const std::unique_ptr<FILE, decltype(close)> file(std::fopen(path.c_str(), "wbe"), close);
  if (!file || !write_whole(text, file.get()) || std::fflush(file.get()) != 0) fail(path);
}

void complain(const std::string& about) {
  std::string line = printable(about);
  for (std::size_t at = 0; (at = line.find('\n', at)) != std::string::npos;) {
    line.replace(at, 1, "\\n");
  }
  std::fprintf(stderr, "duplex: %s\n", line.c_str());
}

}  // namespace duplex::cli::transcribe
