// From words of the command line to options of the library.
#include "client_arguments.hpp"

#include <chrono>
#include <duplex/io/address.hpp>
#include <span>

namespace duplex::cli {

void add_client_options(CLI::App& command, client_arguments& to) {
  command.add_option("URI", to.uri, "ws://host:port/path, or wss")->type_name("")->required();
  command.add_option("--header", to.headers, "a header of the handshake; repeatable")
      ->type_name("'NAME: VALUE'")
      ->allow_extra_args(false);
  command.add_option("--origin", to.origin, "the Origin header")->type_name("ORIGIN");
  command.add_option("--subprotocol", to.subprotocols, "offer a subprotocol; repeatable")
      ->type_name("NAME")
      ->allow_extra_args(false);
  command.add_option("--user-agent", to.user_agent, "the User-Agent header; '' for none")
      ->type_name("TEXT");
  auto* const proxy =
      command
          .add_option("--proxy", to.proxy, "of http, https, socks4(a), socks5(h) [environment's]")
          ->type_name("URL");
  command.add_flag("--no-proxy", to.direct, "connect directly, whatever the environment says")
      ->excludes(proxy);
  command.add_option("--unix", to.unix_socket, "connect to this socket, not to the URI's host")
      ->type_name("FILE")
      ->excludes(proxy);
  add_tls_options(command, to.tls);
  command.add_option("--compression", to.compression, "offer permessage-deflate")
      ->type_name("on|off")
      ->check(CLI::IsMember({"on", "off"}))
      ->capture_default_str();
  command.add_option("--max-size", to.max_size, "of a message received; 0 for any")
      ->type_name("BYTES")
      ->capture_default_str();
  command.add_option("--ping", to.ping, "so often the server is pinged; 0 for never")
      ->type_name("SECONDS")
      ->check(CLI::Range(0.0, 86400.0))
      ->capture_default_str();
  add_log_level(command, to.log_level);
}

void add_tls_options(CLI::App& command, tls_arguments& to) {
  command.add_option("--ca", to.ca, "trust the certificates in this file, not the system's")
      ->type_name("FILE");
  auto* const certificate =
      command.add_option("--cert", to.certificate, "the client's certificate and its chain")
          ->type_name("FILE");
  auto* const key = command.add_option("--key", to.key, "its key")->type_name("FILE");
  certificate->needs(key);
  key->needs(certificate);
  command.add_flag("--insecure", to.insecure, "do not ask who the server is: for tests");
}

void add_log_level(CLI::App& command, std::string& to) {
  command.add_option("--log-level", to, "what is logged, on standard error")
      ->type_name("debug|info|warning|error")
      ->check(CLI::IsMember({"debug", "info", "warning", "error"}))
      ->capture_default_str();
}

log_level log_level_of(std::string_view name) {
  for (const auto level : {log_level::debug, log_level::info, log_level::warning}) {
    if (name == to_string(level)) return level;
  }
  return log_level::error;
}

std::pair<std::string, std::string> parse_header(const std::string& line) {
  const auto colon = line.find(':');
  if (colon == std::string::npos) {
    throw CLI::ValidationError("--header", "no colon in '" + line + "'");
  }
  const auto value = line.find_first_not_of(" \t", colon + 1);
  return {line.substr(0, colon), value == std::string::npos ? "" : line.substr(value)};
}

tls_client to_tls(const tls_arguments& from) {
  tls_client options;
  if (from.ca) options.ca_file = *from.ca;
  if (from.certificate) options.certificate_file = *from.certificate;
  if (from.key) options.key_file = *from.key;
  options.insecure_skip_verification = from.insecure;
  return options;
}

duration to_duration(double seconds) {
  return std::chrono::duration_cast<duration>(std::chrono::duration<double>(seconds));
}

client_settings::client_settings(const client_arguments& from, duplex::logger logger)
    : subprotocols_(from.subprotocols.begin(), from.subprotocols.end()),
      logger_(std::move(logger)) {
  for (const auto& line : from.headers) headers_.push_back(parse_header(line));
  for (const auto& [name, value] : headers_) header_views_.push_back({name, value});
  if (from.origin) options.origin = *from.origin;
  if (from.user_agent) options.user_agent_header = *from.user_agent;
  if (from.user_agent == "") options.user_agent_header = std::nullopt;
  if (from.proxy) options.proxy = *from.proxy;
  if (from.direct) options.proxy = std::nullopt;
  if (from.unix_socket) options.host = host_ = unix_address(*from.unix_socket).host;
  options.tls = to_tls(from.tls);
  if (from.compression == "off") options.compression = std::nullopt;
  options.subprotocols = std::span<const std::string_view>(subprotocols_);
  options.additional_headers = std::span<const header_view>(header_views_);
  options.max_size = from.max_size == 0 ? std::nullopt : std::optional(from.max_size);
  options.ping_interval = from.ping == 0 ? std::nullopt : std::optional(to_duration(from.ping));
  options.logger = &logger_;
}

}  // namespace duplex::cli
