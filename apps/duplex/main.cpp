// duplex: WebSocket on the command line.
#include <algorithm>
#include <cstdio>
#include <duplex/version.hpp>
#include <exception>
#include <string>
#include <utility>
#include <vector>

#include "command.hpp"
#include "escape.hpp"

namespace {

// `duplex URI` is `duplex connect URI`: so is whatever begins with neither a command nor an option
// of the program itself.
std::vector<std::string> command_line(const CLI::App& app, int argc, char** argv) {
  std::vector<std::string> words(argv + 1, argv + argc);
  const auto known = [&](const std::string& word) {
    const auto is_it = [&](const CLI::App* command) { return command->get_name() == word; };
    return app.get_option_no_throw(word) || !app.get_subcommands(is_it).empty();
  };
  if (!words.empty() && !known(words[0])) words.insert(words.begin(), "connect");
  return words;
}

}  // namespace

int main(int argc, char** argv) try {
  using namespace duplex;
  CLI::App app("WebSocket on the command line.", "duplex");
  app.set_version_flag("--version", "duplex " + std::string(version));
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
  }
  return status;
} catch (const std::exception& error) {
  std::fprintf(stderr, "duplex: %s\n", duplex::cli::escaped(error.what()).c_str());
  return duplex::cli::failure;
}
