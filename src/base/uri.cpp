// Parsing of WebSocket URIs (RFC 6455 section 3, RFC 3986 section 3).
#include <duplex/uri.hpp>

#include <algorithm>

#include <duplex/error.hpp>
#include <duplex/http.hpp>

#include "base/authority.hpp"

namespace duplex {
namespace {

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

}  // namespace

uri::uri(std::string_view text) try {
  detail::check_uri_characters(text);
  const auto colon = text.find(':');
  const auto scheme = text.substr(0, colon);
  if (colon == std::string_view::npos ||
      !(equal_ignoring_case(scheme, "ws") || equal_ignoring_case(scheme, "wss"))) {
    throw detail::uri_problem{"the scheme is not ws or wss"};
  }
  secure_ = scheme.size() == 3;
  auto rest = text.substr(colon + 1);
  if (!rest.starts_with("//")) throw detail::uri_problem{"it has no host"};
  rest.remove_prefix(2);
  // RFC 6455 section 3: "Fragment identifiers are meaningless in the context of WebSocket URIs and
  // MUST NOT be used on these URIs."
  if (rest.find('#') != std::string_view::npos) throw detail::uri_problem{"it has a fragment"};

  const auto authority_end = std::min(rest.find_first_of("/?"), rest.size());
  auto authority = detail::parse_authority(rest.substr(0, authority_end));
  userinfo_ = std::move(authority.userinfo);
  host_ = std::move(authority.host);
  port_ = authority.port.value_or(secure_ ? 443 : 80);

  target_ = with_non_ascii_encoded(rest.substr(authority_end));
  if (!target_.starts_with('/')) target_.insert(target_.begin(), '/');
} catch (const detail::uri_problem& found) {
  throw invalid_uri(detail::shown_uri(text), detail::shown_problem(found, text));
}

std::string uri::host_header() const {
  std::string text = host_.find(':') != std::string::npos ? "[" + host_ + "]" : host_;
  if (port_ != (secure_ ? 443 : 80)) text.append(":").append(std::to_string(port_));
  return text;
}

std::string uri::str() const { return (secure_ ? "wss://" : "ws://") + host_header() + target_; }

}  // namespace duplex
