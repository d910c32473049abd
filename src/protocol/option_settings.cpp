// Options checked and translated, the same way for both sides and both twins.
#include "protocol/option_settings.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <stdexcept>
#include <string_view>

#include <duplex/protocol/permessage_deflate.hpp>

#include "base/environment.hpp"
#include "base/ip_network.hpp"

namespace duplex::detail {
namespace {

using namespace std::chrono;

[[noreturn]] void refuse(std::string_view option, std::string_view rule, const std::string& value) {
  throw std::invalid_argument(std::string(option) + " must be " + std::string(rule) + ", got " +
                              value);
}

void require_positive(std::string_view option, const std::optional<duration>& value) {
  if (value && *value <= duration::zero()) refuse(option, "positive", to_text(*value));
}

// A negative number becomes a size that nobody means.
void require_size(std::string_view option, const std::optional<std::size_t>& value) {
  const auto number = static_cast<std::ptrdiff_t>(value.value_or(0));
  if (number < 0) refuse(option, "no less than 0", std::to_string(number));
}

// 0 is no way to say "no limit": nullopt is.
void require_positive(std::string_view option, const std::optional<std::size_t>& value) {
  const auto number = static_cast<std::ptrdiff_t>(value.value_or(1));
  if (number < 0) refuse(option, "positive", std::to_string(number));
  if (number == 0) refuse(option, "positive, or nullopt for no limit", "0");
}

void require_marks(std::string_view option, const water_marks& marks) {
  require_size(option, marks.high());
  require_size(option, marks.low());
  if (marks.low() <= marks.high()) return;
  refuse(option, "a high mark and a low one",
         std::to_string(marks.high()) + " and " + std::to_string(marks.low()));
}

void require_subprotocol(std::string_view name) {
  if (!is_token(name)) refuse("a subprotocol", "a token", "'" + escaped(name) + "'");
}

void require_field_value(std::string_view option, std::string_view value) {
  if (!is_field_value(value)) refuse(option, "the value of a header", "'" + escaped(value) + "'");
}

void require_range(std::string_view option, int value, int least, int most) {
  if (value >= least && value <= most) return;
  refuse(option, std::to_string(least) + " to " + std::to_string(most), std::to_string(value));
}

void require_compression(const deflate_options& options) {
  require_range("compression.server_max_window_bits", options.server_max_window_bits, 8, 15);
  require_range("compression.client_max_window_bits", options.client_max_window_bits, 8, 15);
  require_range("compression.level", options.level, 0, 9);
  require_range("compression.memory_level", options.memory_level, 1, 9);
  if (options.max_ratio == 0) refuse("compression.max_ratio", "positive", "0");
}

// As long as the systems take them (sun_path), the shortest of which has 104 bytes.
void require_unix_path(std::string_view path) {
#if defined(__linux__)
  constexpr std::size_t path_max = 107;
#else
  constexpr std::size_t path_max = 103;
#endif
  if (!path.empty() && path.size() <= path_max && path.find('\0', 1) == path.npos) return;
  refuse("the path of a unix socket", "1 to " + std::to_string(path_max) + " bytes without NUL",
         std::to_string(path.size()) + ": '" + escaped(path) + "'");
}

std::string octal(unsigned number) {
  std::array<char, 12> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number, 8).ptr;
  return "0" + std::string(digits.data(), end);
}

void require_local_address(const connect_options& options) {
  const auto host = options.local_addr->host;
  const auto without_zone = host.substr(0, host.find('%'));
  if (!parse_ip_address(without_zone))
    refuse("local_addr", "a numeric address", "'" + escaped(host) + "'");
  const bool is_ipv6 = host.find(':') != host.npos;
  const auto other = is_ipv6 ? address_family::ipv4 : address_family::ipv6;
  if (options.family == other) refuse("local_addr", "of the family", "'" + escaped(host) + "'");
}

template <class Step>
void require_callable(std::string_view option, const Step& step) {
  if (!step) refuse(option, "a function", "an empty one");
}

// What connections of both sides have in common.
template <class Options>
void validate_connection(const Options& options) {
  process_environment();  // tells what is wrong with it now
  require_positive("open_timeout", options.open_timeout);
  require_positive("ping_interval", options.ping_interval);
  require_positive("ping_timeout", options.ping_timeout);
  require_positive("close_timeout", options.close_timeout);
  require_positive("max_size", options.max_size);
  require_positive("max_frame_size", options.max_frame_size);
  require_positive("max_fragments", options.max_fragments);
  require_positive("max_queue_bytes", options.max_queue_bytes);
  require_marks("max_queue", options.max_queue);
  require_marks("write_limit", options.write_limit);
  require_positive("max_queue", options.max_queue.high());
  if (options.read_limit == 0) refuse("read_limit", "positive", "0");
  for (const std::string_view name : options.subprotocols) require_subprotocol(name);
  for (const auto& extension : options.extensions) {
    if (extension == nullptr) refuse("an extension", "an object", "nullptr");
    const std::string name = extension->name();
    if (!is_token(name)) refuse("the name of an extension", "a token", "'" + escaped(name) + "'");
  }
  if (options.compression) require_compression(*options.compression);
}

template <class Options>
protocol::connection_settings settings_of(const Options& options) {
  return {.max_size = options.max_size,
          .max_frame_size = options.max_frame_size,
          .max_fragments = options.max_fragments,
          .ping_interval = options.ping_interval,
          .ping_timeout = options.ping_timeout,
          .close_timeout = options.close_timeout};
}

template <class Options>
inbox inbox_of(const Options& options) {
  constexpr std::size_t unlimited = water_marks::unlimited;
  const std::size_t max_size = options.max_size.value_or(unlimited);
  const std::size_t bytes_max =
      options.max_queue_bytes.value_or(max_size < unlimited / 4 ? 4 * max_size : unlimited);
  return {options.max_queue, std::max(bytes_max, options.read_limit), options.read_limit};
}

}  // namespace

void validate(const connect_options& options) {
  validate_connection(options);
  require_size("max_redirects", options.max_redirects);
  if (options.origin) require_field_value("origin", *options.origin);
  if (options.user_agent_header) {
    require_field_value("user_agent_header", *options.user_agent_header);
  }
  if (options.port && (*options.port < 1 || *options.port > 65535)) {
    refuse("port", "1 to 65535", std::to_string(*options.port));
  }
  if (options.host && options.host->empty()) refuse("host", "a name or an address", "''");
  if (const auto path = unix_path_of(options.host.value_or(""))) require_unix_path(*path);
  if (options.local_addr) require_local_address(options);
  const bool tells_where =
      options.host || options.port || options.local_addr || options.family != address_family::any;
  if (options.sock && tells_where) {
    refuse("sock", "without host, port, family and local_addr", std::to_string(*options.sock));
  }
}

void validate(const serve_options& options) {
  validate_connection(options);
  require_positive("max_connections", options.max_connections);
  require_positive("max_connections_per_address", options.max_connections_per_address);
  require_positive("max_accept_rate", options.max_accept_rate);
  require_range("threads", options.threads, 0, 1024);
  if (options.backlog < 1) refuse("backlog", "positive", std::to_string(options.backlog));
  if (options.unix_permissions && *options.unix_permissions > 0777) {
    refuse("unix_permissions", "0 to 0777", octal(*options.unix_permissions));
  }
  if (!options.trusted_proxies.empty() && !options.proxy_protocol) {
    refuse("trusted_proxies", "with proxy_protocol",
           "'" + escaped(options.trusted_proxies.front()) + "' without");
  }
  if (options.server_header) require_field_value("server_header", *options.server_header);
  require_own_headers(options.additional_headers.fixed());
  for (const auto& step : options.process_request) require_callable("process_request", step);
  for (const auto& step : options.process_response) require_callable("process_response", step);
  if (options.select_subprotocol && !options.subprotocols.empty()) {
    throw std::invalid_argument("subprotocols and select_subprotocol exclude each other, got both");
  }
}

void require_own_headers(const headers& fields) {
  for (const auto& [name, value] : fields) {
    if (!protocol::is_handshake_header(name)) continue;
    throw std::invalid_argument("header " + name + " is the handshake's own");
  }
}

void validate_hosts(std::span<const std::string> hosts, const serve_options& options) {
  if (hosts.empty()) refuse("hosts", "one or several", "none");
  bool has_unix = false;
  for (const auto& host : hosts) {
    if (const auto path = unix_path_of(host)) {
      require_unix_path(*path);
      has_unix = true;
    } else if (host.find('\0') != host.npos) {
      refuse("host", "a name or an address", "'" + escaped(host) + "'");
    }
  }
  if (options.unix_permissions && !has_unix) {
    refuse("unix_permissions", "for a unix socket", octal(*options.unix_permissions));
  }
}

std::string to_text(duration value) {
  const auto count = duration_cast<nanoseconds>(value).count();
  if (count % 1'000'000'000 == 0) return std::to_string(count / 1'000'000'000) + "s";
  if (count % 1'000'000 == 0) return std::to_string(count / 1'000'000) + "ms";
  if (count % 1'000 == 0) return std::to_string(count / 1'000) + "us";
  return std::to_string(count) + "ns";
}

protocol::connection_settings core_settings(const connect_options& options) {
  return settings_of(options);
}

protocol::connection_settings core_settings(const serve_options& options) {
  return settings_of(options);
}

protocol::client_handshake_settings handshake_settings(const connect_options& options) {
  protocol::client_handshake_settings settings;
  settings.origin = options.origin;
  settings.subprotocols.assign(options.subprotocols.begin(), options.subprotocols.end());
  for (const auto& [name, value] : options.additional_headers) {
    try {
      settings.additional_headers.add(std::string(name), std::string(value));
    } catch (const std::invalid_argument& problem) {
      throw std::invalid_argument("additional_headers: " + std::string(problem.what()));
    }
  }
  settings.user_agent_header = options.user_agent_header;
  for (const auto* extension : options.extensions) {
    settings.extensions.emplace_back(std::shared_ptr<void>(), extension);  // not owned
  }
  if (options.compression) {
    settings.extensions.push_back(
        std::make_shared<protocol::permessage_deflate>(*options.compression));
  }
  return settings;
}

protocol::server_extensions extensions_of(const serve_options& options) {
  protocol::server_extensions extensions = options.extensions;
  if (options.compression) {
    extensions.push_back(std::make_shared<protocol::permessage_deflate>(*options.compression));
  }
  return extensions;
}

protocol::http1_limits handshake_limits() {
  const auto& variables = process_environment();
  return {.max_line = variables.max_line_length,
          .max_headers = variables.max_num_headers,
          .max_body = variables.max_body_size};
}

inbox make_inbox(const connect_options& options) { return inbox_of(options); }
inbox make_inbox(const serve_options& options) { return inbox_of(options); }

std::string make_uuid() {
  static constexpr char digits[] = "0123456789abcdef";
  std::array<std::byte, 16> bytes;
  protocol::system_random()(bytes.data(), bytes.size());
  bytes[6] = (bytes[6] & std::byte{0x0F}) | std::byte{0x40};  // version
  bytes[8] = (bytes[8] & std::byte{0x3F}) | std::byte{0x80};  // variant
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
    text += digits[std::to_integer<unsigned>(bytes[i] >> 4)];
    text += digits[std::to_integer<unsigned>(bytes[i] & std::byte{0x0F})];
  }
  return text;
}

}  // namespace duplex::detail
