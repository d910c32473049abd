// Parsing of the authority of URIs (RFC 3986 section 3.2).
#include "base/authority.hpp"

#include <algorithm>
#include <charconv>

#include "base/idna.hpp"
#include "base/ip_address.hpp"

namespace duplex::detail {
namespace {

bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; }

bool is_space_or_control(char c) { return c == ' ' || is_control(c); }

bool is_ascii(char c) { return static_cast<unsigned char>(c) < 0x80; }

bool is_hex_digit(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

std::string percent_decoded(std::string_view text) {
  std::string decoded;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] != '%') {
      decoded += text[at];
      continue;
    }
    if (at + 2 >= text.size() || !is_hex_digit(text[at + 1]) || !is_hex_digit(text[at + 2])) {
      throw uri_problem{"bad percent-encoding in the user information"};
    }
    unsigned char byte = 0;
    std::from_chars(text.data() + at + 1, text.data() + at + 3, byte, 16);
    decoded += static_cast<char>(byte);
    at += 2;
  }
  return decoded;
}

// RFC 7617 section 2: neither may have control characters, nor the user a colon.
void check_userinfo(const std::pair<std::string, std::string>& userinfo) {
  for (const char c : userinfo.first + userinfo.second) {
    if (is_control(c)) throw uri_problem{"a control character in the user information"};
  }
  if (userinfo.first.find(':') != std::string::npos) throw uri_problem{"a colon in the user name"};
}

std::string lower_case(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return lower;
}

std::string parse_ipv6_literal(std::string_view literal) {
  const auto address = parse_ip_address(literal);
  if (!address || address->size != 16) {
    throw uri_problem{"'" + std::string(literal) + "' is not an IPv6 address"};
  }
  return lower_case(literal);
}

bool is_host_character(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || c == '-' || c == '.' || c == '_';
}

std::string parse_host_name(std::string_view name) {
  if (name.empty()) throw uri_problem{"it has no host"};
  std::optional<std::string> host = lower_case(name);
  if (!std::all_of(name.begin(), name.end(), is_ascii)) host = idna_to_ascii(name);
  if (!host || !std::all_of(host->begin(), host->end(), is_host_character)) {
    throw uri_problem{"'" + std::string(name) + "' is not a host name"};
  }
  return std::move(*host);
}

std::uint16_t parse_port(std::string_view digits) {
  std::uint16_t port = 0;
  const auto [end, failure] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (failure != std::errc() || end != digits.data() + digits.size() || port == 0) {
    throw uri_problem{"'" + std::string(digits) + "' is not a port"};
  }
  return port;
}

}  // namespace

authority parse_authority(std::string_view text) {
  authority result;
  if (const auto at = text.rfind('@'); at != std::string_view::npos) {
    const auto userinfo = text.substr(0, at);
    const auto separator = std::min(userinfo.find(':'), userinfo.size());
    const auto password = userinfo.substr(std::min(separator + 1, userinfo.size()));
    result.userinfo.emplace(percent_decoded(userinfo.substr(0, separator)),
                            percent_decoded(password));
    check_userinfo(*result.userinfo);
    text.remove_prefix(at + 1);
  }
  std::string_view after_host;
  if (text.starts_with('[')) {
    const auto bracket = text.find(']');
    if (bracket == std::string_view::npos) throw uri_problem{"a bracket is not closed"};
    result.host = parse_ipv6_literal(text.substr(1, bracket - 1));
    after_host = text.substr(bracket + 1);
  } else {
    const auto end = std::min(text.find(':'), text.size());
    result.host = parse_host_name(text.substr(0, end));
    after_host = text.substr(end);
  }
  if (!after_host.empty() && after_host.front() != ':') {
    throw uri_problem{"'" + std::string(after_host) + "' follows the host"};
  }
  if (after_host.size() > 1) result.port = parse_port(after_host.substr(1));
  return result;
}

void check_uri_characters(std::string_view text) {
  if (std::any_of(text.begin(), text.end(), is_space_or_control)) {
    throw uri_problem{"it contains a space or a control character"};
  }
}

// Who forgets to percent-encode a password that has a slash ends the authority in it.
std::string shown_uri(std::string_view uri) {
  const auto start = uri.find("//");
  const auto at = uri.rfind('@');
  if (start == std::string_view::npos || at == std::string_view::npos || at < start) {
    return std::string(uri);
  }
  return std::string(uri.substr(0, start + 2)) + "***" + std::string(uri.substr(at));
}

std::string shown_problem(const uri_problem& problem, std::string_view uri) {
  const auto start = uri.find("//");
  if (start == std::string_view::npos) return problem.text;
  const auto end = uri.find_first_of("/?#", start + 2);
  const auto at = uri.rfind('@');
  if (at == std::string_view::npos || at < end) return problem.text;
  return "its host or its port is wrong, or its user information is not percent-encoded";
}

}  // namespace duplex::detail
