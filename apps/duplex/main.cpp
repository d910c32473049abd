// duplex: WebSocket on the command line.
#include <cstdio>
#include <duplex/version.hpp>
#include <exception>
#include <string>

#include "command.hpp"
#include "escape.hpp"

int main(int argc, char** argv) try {
  using namespace duplex;
  CLI::App app("WebSocket on the command line.", "duplex");
  app.set_version_flag("--version", "duplex " + std::string(version));
  app.require_subcommand(1);
  int status = cli::success;
  cli::add_probe_command(app, status);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? cli::success : cli::usage;
  }
  return status;
} catch (const std::exception& error) {
  std::fprintf(stderr, "duplex: %s\n", duplex::cli::escaped(error.what()).c_str());
  return duplex::cli::failure;
}
