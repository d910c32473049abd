// What the options of connect say about the way to the server.
#include "protocol/dial_settings.hpp"

#include <cstdlib>
#include <utility>

#include "base/ip_address.hpp"

namespace duplex::detail {
namespace {

std::optional<proxy> proxy_of(const uri& target, const connect_options& options) {
  const proxy_choice& choice = options.proxy;
  if (options.sock || (options.host && unix_path_of(*options.host))) return std::nullopt;
  if (choice.detect()) return detect_proxy(target);
  return choice.url() ? std::optional(parse_proxy(*choice.url())) : std::nullopt;
}

}  // namespace

std::optional<proxy> detect_proxy(const uri& target) {
  const auto found = find_proxy(target, [](const char* name) { return std::getenv(name); });
  return found ? std::optional(parse_proxy(*found)) : std::nullopt;
}

dial_settings dial_settings_of(const uri& target, const connect_options& options) {
  std::optional<address> local;
  if (const auto& from = options.local_addr) local = {std::string(from->host), from->port};
  return {.host = options.host ? std::string(*options.host) : target.host(),
          .port = options.port ? static_cast<std::uint16_t>(*options.port) : target.port(),
          .family = options.family,
          .local = std::move(local),
          .proxy = proxy_of(target, options),
          .user_agent = std::optional<std::string>(options.user_agent_header)};
}

std::string peer_name(const dial_settings& settings) {
  return to_string(address{settings.host, settings.port});
}

std::string describe_way(const dial_settings& settings) {
  return peer_name(settings) + (settings.proxy ? " through " + settings.proxy->name() : "");
}

bool must_resolve_for_proxy(const dial_settings& settings) {
  return settings.proxy && settings.proxy->wants_address() && !parse_ip_address(settings.host);
}

address_family family_for_proxy(const dial_settings& settings) {
  return settings.proxy->kind == proxy::type::socks4 ? address_family::ipv4 : settings.family;
}

}  // namespace duplex::detail
