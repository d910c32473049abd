// Parsing of WebSocket URIs (RFC 6455 section 3, RFC 3986 section 3).
#include <duplex/uri.hpp>

#include <algorithm>
#include <charconv>

#include <duplex/error.hpp>
#include <duplex/http.hpp>

namespace duplex {
namespace {

bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; }

bool is_space_or_control(char c) { return c == ' ' || is_control(c); }

bool is_hex_digit(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

// A parser's way of saying what is wrong; becomes an invalid_uri where the whole text is known.
struct problem {
  std::string text;
};

std::string percent_decoded(std::string_view text) {
  std::string decoded;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] != '%') {
      decoded += text[at];
      continue;
    }
    if (at + 2 >= text.size() || !is_hex_digit(text[at + 1]) || !is_hex_digit(text[at + 2])) {
      throw problem{"bad percent-encoding in the user information"};
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
    if (is_control(c)) throw problem{"a control character in the user information"};
  }
  if (userinfo.first.find(':') != std::string::npos) throw problem{"a colon in the user name"};
}

std::string with_non_ascii_encoded(std::string_view text) {
  static constexpr char digits[] = "0123456789ABCDEF";
  std::string encoded;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x80) {
      encoded += c;
    } else {
      encoded += {'%', digits[byte >> 4], digits[byte & 0xF]};
    }
  }
  return encoded;
}

std::string lower_case(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return lower;
}

void check_ipv6_literal(std::string_view literal) {
  const bool characters_fit = std::all_of(literal.begin(), literal.end(), [](char c) {
    return is_hex_digit(c) || c == ':' || c == '.';
  });
  if (!characters_fit || std::count(literal.begin(), literal.end(), ':') < 2) {
    throw problem{"'" + std::string(literal) + "' is not an IPv6 address"};
  }
}

void check_host_name(std::string_view name) {
  if (name.empty()) throw problem{"it has no host"};
  const bool characters_fit = std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' ||
           c == '.' || c == '_';
  });
  if (!characters_fit) throw problem{"'" + std::string(name) + "' is not a host name"};
}

std::uint16_t parse_port(std::string_view digits) {
  std::uint16_t port = 0;
  const auto [end, failure] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (failure != std::errc() || end != digits.data() + digits.size() || port == 0) {
    throw problem{"'" + std::string(digits) + "' is not a port"};
  }
  return port;
}

// For messages: passwords do not belong into them.
std::string without_userinfo(std::string_view text) {
  const auto start = text.find("//");
  const auto at = text.substr(0, text.find_first_of("/?#", start + 2)).rfind('@');
  if (start == std::string_view::npos || at == std::string_view::npos || at < start) {
    return std::string(text);
  }
  return std::string(text.substr(0, start + 2)) + "***" + std::string(text.substr(at));
}

}  // namespace

uri::uri(std::string_view text) try {
  if (std::any_of(text.begin(), text.end(), is_space_or_control)) {
    throw problem{"it contains a space or a control character"};
  }
  const auto colon = text.find(':');
  const auto scheme = text.substr(0, colon);
  if (colon == std::string_view::npos ||
      !(equal_ignoring_case(scheme, "ws") || equal_ignoring_case(scheme, "wss"))) {
    throw problem{"the scheme is not ws or wss"};
  }
  secure_ = scheme.size() == 3;
  auto rest = text.substr(colon + 1);
  if (!rest.starts_with("//")) throw problem{"it has no host"};
  rest.remove_prefix(2);
  // RFC 6455 section 3: "Fragment identifiers are meaningless in the context of WebSocket URIs and
  // MUST NOT be used on these URIs."
  if (rest.find('#') != std::string_view::npos) throw problem{"it has a fragment"};

  const auto authority_end = std::min(rest.find_first_of("/?"), rest.size());
  auto authority = rest.substr(0, authority_end);
  const auto target = rest.substr(authority_end);
  if (const auto at = authority.rfind('@'); at != std::string_view::npos) {
    const auto userinfo = authority.substr(0, at);
    const auto separator = std::min(userinfo.find(':'), userinfo.size());
    const auto password = userinfo.substr(std::min(separator + 1, userinfo.size()));
    userinfo_.emplace(percent_decoded(userinfo.substr(0, separator)), percent_decoded(password));
    check_userinfo(*userinfo_);
    authority.remove_prefix(at + 1);
  }

  std::string_view after_host;
  if (authority.starts_with('[')) {
    const auto bracket = authority.find(']');
    if (bracket == std::string_view::npos) throw problem{"a bracket is not closed"};
    host_ = lower_case(authority.substr(1, bracket - 1));
    check_ipv6_literal(host_);
    after_host = authority.substr(bracket + 1);
  } else {
    const auto end = std::min(authority.find(':'), authority.size());
    host_ = lower_case(authority.substr(0, end));
    check_host_name(host_);
    after_host = authority.substr(end);
  }
  if (!after_host.empty() && after_host.front() != ':') {
    throw problem{"'" + std::string(after_host) + "' follows the host"};
  }
  port_ = after_host.size() > 1 ? parse_port(after_host.substr(1)) : (secure_ ? 443 : 80);

  target_ = with_non_ascii_encoded(target);
  if (!target_.starts_with('/')) target_.insert(target_.begin(), '/');
} catch (const problem& found) {
  throw invalid_uri(without_userinfo(text), found.text);
}

std::string uri::host_header() const {
  std::string text = host_.find(':') != std::string::npos ? "[" + host_ + "]" : host_;
  if (port_ != (secure_ ? 443 : 80)) text.append(":").append(std::to_string(port_));
  return text;
}

std::string uri::str() const { return (secure_ ? "wss://" : "ws://") + host_header() + target_; }

}  // namespace duplex
