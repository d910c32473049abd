// What commands that connect are told of the connection: one set of options for all of them.
#pragma once

#include <CLI/CLI.hpp>
#include <cstddef>
#include <duplex/options.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace duplex::cli {

struct tls_arguments {
  std::optional<std::string> ca, certificate, key;
  bool insecure = false;
};

struct client_arguments {
  std::string uri;
  std::vector<std::string> headers, subprotocols;
  std::optional<std::string> origin, user_agent;
  std::optional<std::string> proxy;
  bool direct = false;
  std::optional<std::string> unix_socket;
  tls_arguments tls;
  std::string compression = "on";
  std::size_t max_size = std::size_t{1} << 20;
  double ping = 20;
  std::string log_level = "warning";
};

/// Adds the options, with the arguments' present values as their defaults.
void add_client_options(CLI::App& command, client_arguments& to);
/// Adds those of TLS alone, which the former have too.
void add_tls_options(CLI::App& command, tls_arguments& to);
/// Adds `--log-level LEVEL`.
void add_log_level(CLI::App& command, std::string& to);

/// The level of that name.
log_level log_level_of(std::string_view name);
/// "Name: value". Throws CLI::ValidationError where there is no colon.
std::pair<std::string, std::string> parse_header(const std::string& line);

/// The options of `connect` that the arguments give, and what they refer to.
class client_settings {
 public:
  /// The arguments must outlive it. Throws CLI::ValidationError.
  client_settings(const client_arguments& from, duplex::logger logger);
  client_settings(const client_settings&) = delete;
  client_settings& operator=(const client_settings&) = delete;

  connect_options options;

 private:
  std::vector<std::pair<std::string, std::string>> headers_;
  std::vector<header_view> header_views_;
  std::vector<std::string_view> subprotocols_;
  std::string host_;
  duplex::logger logger_;
};

/// The options of TLS that the arguments give, and refer to.
tls_client to_tls(const tls_arguments& from);
/// Seconds of the command line as a duration.
duration to_duration(double seconds);

}  // namespace duplex::cli
