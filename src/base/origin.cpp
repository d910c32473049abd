// Comparing origins with rules.
#include <duplex/log.hpp>
#include <duplex/origin.hpp>

#include <algorithm>
#include <regex>
#include <stdexcept>

namespace duplex {
namespace {

// std::regex recurses for each character: what no host name reaches is not tried.
constexpr std::size_t matched_max = 512;

// RFC 6454 section 6.2: scheme "://" host [ ":" port ], in lower case as browsers send it.
bool is_origin(std::string_view text) {
  if (text == "null") return true;
  const auto colon = text.find("://");
  if (colon == 0 || colon == std::string_view::npos || colon + 3 == text.size()) return false;
  return std::none_of(text.begin() + static_cast<std::ptrdiff_t>(colon) + 3, text.end(),
                      [](char c) {
                        return c <= ' ' || c == 0x7F || c == '/' || c == '?' || c == '#' ||
                               c == '@' || c == '*' || (c >= 'A' && c <= 'Z');
                      });
}

std::string_view without_port(std::string_view host, std::string_view port) {
  if (host.ends_with(port)) host.remove_suffix(port.size());
  return host;
}

}  // namespace

origin_rule::origin_rule(std::string exact) {
  if (!is_origin(exact)) {
    throw std::invalid_argument(
        "origins must be like 'https://example.com', without a path and in lower case, got '" +
        escaped(exact) + "'");
  }
  allows_ = [exact = std::move(exact)](std::optional<std::string_view> origin, const request&) {
    return origin == exact;
  };
}

bool same_origin(std::optional<std::string_view> origin, const request& request) {
  const auto host = request.headers.get("Host");
  if (!origin || !host) return false;
  for (const auto& [scheme, port] :
       {std::pair<std::string_view, std::string_view>{"http://", ":80"}, {"https://", ":443"}}) {
    if (!origin->starts_with(scheme)) continue;
    return equal_ignoring_case(without_port(origin->substr(scheme.size()), port),
                               without_port(*host, port));
  }
  return false;
}

bool no_origin(std::optional<std::string_view> origin, const request&) { return !origin; }

origin_rule origin_matching(std::string_view expression) {
  std::regex pattern;
  try {
    pattern.assign(expression.begin(), expression.end());
  } catch (const std::regex_error& problem) {
    throw std::invalid_argument("origin_matching must be given a regular expression, got '" +
                                escaped(expression) + "': " + problem.what());
  }
  return {[pattern = std::move(pattern)](std::optional<std::string_view> origin, const request&) {
    return origin && origin->size() <= matched_max &&
           std::regex_match(origin->begin(), origin->end(), pattern);
  }};
}

}  // namespace duplex
