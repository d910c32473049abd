// URLs of proxies, and the variables of the environment that hold them.
#include "base/proxy.hpp"

#include <algorithm>
#include <array>

#include <duplex/error.hpp>
#include <duplex/http.hpp>

#include "base/authority.hpp"
#include "base/ip_network.hpp"

namespace duplex::detail {
namespace {

struct scheme {
  std::string_view name;
  proxy::type kind;
  std::uint16_t port;
};

constexpr std::array<scheme, 6> schemes{{{"http", proxy::type::http, 80},
                                         {"https", proxy::type::https, 443},
                                         {"socks4", proxy::type::socks4, 1080},
                                         {"socks4a", proxy::type::socks4a, 1080},
                                         {"socks5", proxy::type::socks5, 1080},
                                         {"socks5h", proxy::type::socks5h, 1080}}};

// RFC 1929 section 2: one byte says how long each is.
constexpr std::size_t socks_credential_max = 255;

proxy parse(std::string_view url) {
  check_uri_characters(url);
  const auto mark = url.find("://");
  const auto name = url.substr(0, mark);
  const auto scheme = std::find_if(schemes.begin(), schemes.end(), [&](const auto& each) {
    return equal_ignoring_case(each.name, name);
  });
  if (mark == std::string_view::npos || scheme == schemes.end()) {
    throw uri_problem{"the scheme is not http, https, socks4, socks4a, socks5 or socks5h"};
  }
  const auto rest = url.substr(mark + 3);
  const auto end = std::min(rest.find_first_of("/?#"), rest.size());
  if (end < rest.size() && rest.substr(end) != "/") throw uri_problem{"something follows the port"};
  auto authority = parse_authority(rest.substr(0, end));
  if (authority.userinfo && scheme->port == 1080 &&
      (authority.userinfo->first.size() > socks_credential_max ||
       authority.userinfo->second.size() > socks_credential_max)) {
    throw uri_problem{"its user information is longer than SOCKS can say"};
  }
  return {.kind = scheme->kind,
          .host = std::move(authority.host),
          .port = authority.port.value_or(scheme->port),
          .credentials = std::move(authority.userinfo)};
}

char to_upper(char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; }

// nullopt where it is not set or empty, which hides the one in upper case.
std::optional<std::string> variable(const environment_variables& lookup, std::string name) {
  const char* value = lookup(name.c_str());
  if (!value) {
    const bool is_http = name == "http_proxy";
    std::transform(name.begin(), name.end(), name.begin(), to_upper);
    // CVE-2016-1000110: a client's header "Proxy: x" is HTTP_PROXY to a CGI program.
    if (is_http && lookup("REQUEST_METHOD")) return std::nullopt;
    value = lookup(name.c_str());
  }
  if (!value || *value == '\0') return std::nullopt;
  return value;
}

// Whether `name` is `suffix`, or ends in a dot and it.
bool is_within(std::string_view name, std::string_view suffix) {
  if (name.size() < suffix.size()) return false;
  const auto before = name.substr(0, name.size() - suffix.size());
  return equal_ignoring_case(name.substr(before.size()), suffix) &&
         (before.empty() || before.back() == '.');
}

// The dot of the root names nothing more.
std::string_view without_root(std::string_view name) {
  if (name.ends_with('.')) name.remove_suffix(1);
  return name;
}

bool names(std::string_view entry, std::string_view host, std::string_view host_and_port) {
  if (entry == "*") return true;
  entry = without_root(entry);
  if (entry.starts_with("*.")) entry.remove_prefix(1);
  entry.remove_prefix(std::min(entry.find_first_not_of('.'), entry.size()));
  if (entry.empty()) return false;
  if (entry.starts_with('[') && entry.ends_with(']')) entry = entry.substr(1, entry.size() - 2);
  if (const auto address = parse_ip_address(host)) {
    const auto network = ip_network::parse(entry);
    return network ? network->contains(*address) : entry == host_and_port;
  }
  return is_within(host, entry) || is_within(host_and_port, entry);
}

}  // namespace

system_error proxy::unreachable(std::error_code why) const {
  const bool unknown = std::string_view(why.category().name()) == "resolver";
  return {why, (unknown ? "cannot resolve " : "cannot connect to ") + name()};
}

proxy parse_proxy(std::string_view url) {
  try {
    return parse(url);
  } catch (const uri_problem& found) {
    throw invalid_proxy(shown_uri(url), shown_problem(found, url));
  }
}

std::optional<std::string> find_proxy(const uri& target, const environment_variables& lookup) {
  const auto no_proxy = variable(lookup, "no_proxy");
  if (no_proxy && bypasses_proxy(*no_proxy, target.host(), target.port())) return std::nullopt;
  for (const std::string_view scheme : {"ws", "wss", "socks", "https", "http", "all"}) {
    if (scheme == (target.secure() ? "ws" : "wss")) continue;
    if (scheme == "http" && target.secure()) continue;
    auto url = variable(lookup, std::string(scheme) + "_proxy");
    if (!url) continue;
    if (scheme == "socks" && url->starts_with("http://")) url->erase(0, 7);
    if (url->find("://") != std::string::npos) return url;
    return (scheme == "socks" ? "socks5h://" : "http://") + *url;
  }
  return std::nullopt;
}

bool bypasses_proxy(std::string_view no_proxy, const std::string& name, std::uint16_t port) {
  const std::string host(without_root(name));
  const bool is_ipv6 = host.find(':') != std::string::npos;
  const std::string host_and_port =
      (is_ipv6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
  while (!no_proxy.empty()) {
    const auto end = std::min(no_proxy.find_first_of(", \t"), no_proxy.size());
    if (names(no_proxy.substr(0, end), host, host_and_port)) return true;
    no_proxy.remove_prefix(std::min(end + 1, no_proxy.size()));
  }
  return false;
}

}  // namespace duplex::detail
