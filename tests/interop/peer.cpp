// Arguments, commands and reports of the peers.
#include "peer.hpp"

#include <cstdlib>
#include <iostream>
#include <mutex>

namespace duplex::interop {
namespace {

[[noreturn]] void refuse(std::string_view argument) {
  std::cerr << "cannot make sense of argument '" << argument << "'\n";
  std::exit(2);
}

// "none", or one option of compression and its value.
void set_compression(std::optional<deflate_options>& options, std::string_view argument) {
  if (argument == "none") return options.reset();
  const auto equals = argument.find('=');
  if (equals == argument.npos || !options) refuse(argument);
  const auto name = argument.substr(0, equals);
  const int value = std::stoi(std::string(argument.substr(equals + 1)));
  if (name == "server_no_context_takeover") {
    options->server_no_context_takeover = value != 0;
  } else if (name == "client_no_context_takeover") {
    options->client_no_context_takeover = value != 0;
  } else if (name == "server_max_window_bits") {
    options->server_max_window_bits = value;
  } else if (name == "client_max_window_bits") {
    options->client_max_window_bits = value;
  } else if (name == "level") {
    options->level = value;
  } else if (name == "threshold") {
    options->threshold = static_cast<std::size_t>(value);
  } else {
    refuse(argument);
  }
}

void set_limit(arguments& of, std::string_view argument) {
  const auto equals = argument.find('=');
  if (equals == argument.npos) refuse(argument);
  const auto name = argument.substr(0, equals);
  const std::size_t value = std::stoul(std::string(argument.substr(equals + 1)));
  if (name == "max_size") {
    of.max_size = value;
  } else if (name == "max_frame_size") {
    of.max_frame_size = value;
  } else if (name == "max_fragments") {
    of.max_fragments = value;
  } else {
    refuse(argument);
  }
}

}  // namespace

arguments parse_arguments(int argc, char** argv) {
  arguments result;
  for (int i = 1; i < argc; ++i) {
    const std::string_view name = argv[i];
    if (!name.starts_with("--")) {
      result.uri = name;
      continue;
    }
    if (++i == argc) refuse(name);
    const std::string value = argv[i];
    if (name == "--connections") {
      result.connections = std::stoi(value);
    } else if (name == "--origin") {
      result.origin = value;
    } else if (name == "--proxy") {
      result.proxy = value;
    } else if (name == "--subprotocol") {
      result.subprotocols.push_back(value);
    } else if (name == "--compression") {
      set_compression(result.compression, value);
    } else if (name == "--limit") {
      set_limit(result, value);
    } else if (name == "--debug") {
      result.logger = stderr_logger(log_level::debug);
    } else if (const auto colon = value.find(": "); name == "--header" && colon != value.npos) {
      result.headers.add(value.substr(0, colon), value.substr(colon + 2));
    } else {
      refuse(name);
    }
  }
  return result;
}

std::optional<std::string> tls_file(const std::string& name) {
  const char* const folder = std::getenv("INTEROP_TLS");
  return folder ? std::optional(folder + ("/" + name)) : std::nullopt;
}

client_options::client_options(const arguments& arguments)
    : origin_(arguments.origin),
      subprotocols_(arguments.subprotocols.begin(), arguments.subprotocols.end()),
      ca_file_(tls_file("ca.pem")),
      arguments_(arguments) {
  if (arguments.proxy) proxy_ = *arguments.proxy;
  for (const auto& [name, value] : arguments.headers) headers_.push_back({name, value});
}

connect_options client_options::get() const {
  return {.origin = origin_,
          .subprotocols = std::span(subprotocols_),
          .compression = arguments_.compression,
          .additional_headers = std::span(headers_),
          .max_size = arguments_.max_size,
          .max_frame_size = arguments_.max_frame_size,
          .max_fragments = arguments_.max_fragments,
          .proxy = proxy_,
          .tls = {.ca_file = ca_file_},
          .logger = &arguments_.logger};
}

std::size_t command::number() const { return std::stoul(std::string(argument)); }

std::string_view command::rest() const {
  const auto space = argument.find(' ');
  return space == argument.npos ? std::string_view() : argument.substr(space + 1);
}

std::optional<command> parse_command(const message& message) {
  if (!message.is_text() || !message.text().starts_with('!')) return std::nullopt;
  const auto text = message.text().substr(1);
  const auto space = text.find(' ');
  if (space == text.npos) return command{text, {}};
  return command{text.substr(0, space), text.substr(space + 1)};
}

std::string describe(const std::optional<std::string>& subprotocol, const headers& headers) {
  std::string result = "subprotocol: " + subprotocol.value_or("none") + '\n';
  for (const auto& [name, value] : headers) result += name + ": " + value + '\n';
  return result;
}

void report(const std::string& line) {
  static std::mutex mutex;
  const std::lock_guard lock(mutex);
  std::cout << line << std::endl;
}

void report_end(std::string_view target, std::optional<std::uint16_t> code, std::string_view reason,
                const std::string& problem) {
  std::string line = "closed ";
  line.append(target).append(" ").append(code ? std::to_string(*code) : "unknown");
  if (!reason.empty()) line.append(" ").append(reason);
  if (!problem.empty()) line.append(" [").append(problem).append("]");
  report(line);
}

}  // namespace duplex::interop
