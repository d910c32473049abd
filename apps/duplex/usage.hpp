// What arguments there are, and what is wrong with those given, in this program's words.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

namespace duplex::cli {

/// `--help`: of each option its name, its value and the default.
class help_formatter final : public CLI::Formatter {
  std::string make_option_opts(const CLI::Option* option) const override;
};

/// What is wrong: one line, and where `--help` helps a second one that says so. `app` is the
/// program, whose command that was chosen is the one to ask.
std::string usage_text(const CLI::App* app, const CLI::Error& error);

/// What went wrong in a command of `app`, with the names that its options have there.
std::string renamed(const CLI::App& app, const std::string& problem);

}  // namespace duplex::cli
