// duplex: WebSocket on the command line.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <duplex/version.hpp>
#include <exception>
#include <memory>
#include <numeric>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "command.hpp"
#include "escape.hpp"
#include "usage.hpp"

namespace {

// How many letters are to be put in, left out or changed (Levenshtein).
std::size_t distance(std::string_view from, std::string_view to) {
  std::vector<std::size_t> row(to.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= from.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i);
    for (std::size_t j = 1; j <= to.size(); ++j) {
      const auto changed = diagonal + (from[i - 1] == to[j - 1] ? 0 : 1);
      diagonal = std::exchange(row[j], std::min({changed, row[j] + 1, row[j - 1] + 1}));
    }
  }
  return row.back();
}

// Without a colon, a slash or a dot it was not meant for a URI.
[[noreturn]] void refuse_command(const CLI::App& app, const std::string& word) {
  std::string told = "no such command: '" + duplex::cli::printable(word) + "'";
  for (const CLI::App* const command : app.get_subcommands({})) {
    if (word.size() < 32 && distance(word, command->get_name()) <= 2) {
      told += "; did you mean " + command->get_name() + "?";
      break;
    }
  }
  throw CLI::ExtrasError(told, CLI::ExitCodes::ExtrasError);
}

// `duplex URI` is `duplex connect URI`: so is whatever begins with neither a command nor an option
// of the program itself.
std::vector<std::string> command_line(const CLI::App& app, int argc, char** argv) {
  std::vector<std::string> words(argv + 1, argv + argc);
  const auto known = [&](const std::string& word) {
    const auto is_it = [&](const CLI::App* command) { return command->get_name() == word; };
    return app.get_option_no_throw(word) || !app.get_subcommands(is_it).empty();
  };
  if (words.empty()) {
    throw CLI::RequiredError("a URI to connect to, or a command, is missing: duplex ws://host/",
                             CLI::ExitCodes::RequiredError);
  }
  if (known(words[0])) return words;
  const bool command_meant =
      !words[0].starts_with('-') && words[0].find_first_of(":/.") == std::string::npos;
  if (command_meant) refuse_command(app, words[0]);
  words.insert(words.begin(), "connect");
  return words;
}

// What is opened first would take the number of a standard stream that is closed, and be read or
// written in its place: reading the input, and writing the others, is to fail instead.
void occupy_standard_streams() {
  for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (fcntl(stream, F_GETFD) >= 0) continue;
    [[maybe_unused]] const int taken =
        open("/dev/null", stream == STDIN_FILENO ? O_WRONLY : O_RDONLY);
  }
}

}  // namespace

int main(int argc, char** argv) try {
  using namespace duplex;
  occupy_standard_streams();
  CLI::App app("WebSocket on the command line.", "duplex");
  app.set_help_flag("-h,--help", "tell the options, and stop");
  app.set_version_flag("--version", "duplex " + std::string(version), "tell the version, and stop");
  app.failure_message(cli::usage_text);
  app.formatter(std::make_shared<cli::help_formatter>());
  app.require_subcommand(1);
  int status = cli::success;
  cli::add_connect_command(app, status);
  cli::add_serve_command(app, status);
  cli::add_bench_command(app, status);
  cli::add_probe_command(app, status);
  cli::add_transcribe_command(app, status);
  try {
    auto words = command_line(app, argc, argv);
    std::reverse(words.begin(), words.end());  // as CLI11 takes them
    app.parse(std::move(words));
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? cli::success : cli::usage;
  } catch (const std::exception& error) {
    throw std::runtime_error(cli::renamed(app, error.what()));
  }
  return status;
} catch (const std::exception& error) {
  std::fprintf(stderr, "duplex: %s\n", duplex::cli::escaped(error.what()).c_str());
  return duplex::cli::failure;
}
