// CLI11's texts: less of its help, and its messages in our words.
#include "usage.hpp"

#include <algorithm>

#include "arguments/wording.hpp"
#include "escape.hpp"

namespace duplex::cli {

std::string help_formatter::make_option_opts(const CLI::Option* option) const {
  if (option->get_type_size() == 0) return "";  // a flag
  std::string text = option->get_type_name();
  // Behind a colon, and with no space after it, is how the value is checked.
  auto colon = text.find(':');
  while (colon != text.npos && text[colon + 1] == ' ') colon = text.find(':', colon + 1);
  text.resize(std::min(colon, text.size()));
  if (!option->get_default_str().empty()) text += "=" + option->get_default_str();
  return text.empty() ? "" : " " + text;
}

std::string usage_text(const CLI::App* app, const CLI::Error& error) {
  std::string text = "duplex: " + printable(renamed(*app, arguments::worded(error))) + "\n";
  if (!arguments::needs_help(error)) return text;
  const auto chosen = app->get_subcommands();
  const auto command = chosen.empty() ? "" : chosen.front()->get_name() + " ";
  return text + "Run duplex " + command + "--help for the options.\n";
}

std::string renamed(const CLI::App& app, const std::string& problem) {
  using arguments::option_names;
  static constexpr option_names of_server[] = {{"tls.certificate_file", "--tls-cert"},
                                               {"tls.key_file", "--tls-key"}};
  static constexpr option_names of_client[] = {
      {"tls.ca_file", "--ca"}, {"tls.certificate_file", "--cert"}, {"tls.key_file", "--key"}};
  if (app.got_subcommand("serve")) return arguments::renamed(problem, of_server);
  return arguments::renamed(problem, of_client);
}

}  // namespace duplex::cli
