// References and redirects: they lead to a URI in its one form or nowhere, and credentials stay
// with their origin.
#include <duplex/error.hpp>
#include <duplex/http.hpp>
#include <duplex/log.hpp>

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/uri_reference.hpp"
#include "property.hpp"
#include "protocol/client_plan.hpp"

using namespace duplex;
using fuzz::require;

namespace {

std::optional<uri> parse(std::string_view text) {
  try {
    return uri(text);
  } catch (const invalid_uri&) {
    return std::nullopt;
  }
}

std::vector<std::string_view> segments_of(std::string_view path) {
  std::vector<std::string_view> result;
  while (!path.empty()) {
    path.remove_prefix(1);  // the slash
    const auto end = std::min(path.find('/'), path.size());
    result.push_back(path.substr(0, end));
    path.remove_prefix(end);
  }
  return result;
}

// What RFC 3986 section 5.2.4 comes to, said another way: a stack of segments.
std::string normal_path(std::string_view path) {
  std::vector<std::string_view> kept;
  bool ends_in_slash = false;
  for (const auto each : segments_of(path)) {
    ends_in_slash = each == "." || each == "..";
    if (each == ".." && !kept.empty()) kept.pop_back();
    if (!ends_in_slash) kept.push_back(each);
  }
  std::string result;
  for (const auto each : kept) result.append("/").append(each);
  return ends_in_slash ? result + "/" : result;
}

std::string_view path_of(std::string_view target) { return target.substr(0, target.find('?')); }

bool is_plain(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || c == '/' || c == '.' || c == '?' || c == '=';
  });
}

void check_reference(const uri& base, std::string_view reference) {
  const auto resolved = parse(detail::resolve_reference(base, reference));
  const bool has_authority = reference.starts_with("//");
  if (is_plain(reference) && !has_authority) {
    require(resolved.has_value(), "a plain path leads to a URI");
    require(detail::same_origin(base, *resolved), "a plain path stays with its origin");
  }
  if (!resolved) return;
  require(has_authority || reference.find("://") != std::string_view::npos ||
              detail::same_origin(base, *resolved),
          "who names no host leads to no other");
  if (reference.find('@') == std::string_view::npos) {
    require(!resolved->userinfo(), "credentials come from the reference alone");
  }
  if (is_plain(reference) && reference.starts_with('/') && !has_authority) {
    const auto query = reference.substr(path_of(reference).size());
    require(resolved->target() == normal_path(path_of(reference)).append(query),
            "a path is what its segments say");
  }
  // A reference without a path keeps that of its base, which nobody has made normal.
  if (reference.empty() || reference.front() == '?' || reference.front() == '#') return;
  for (const auto each : segments_of(path_of(resolved->target()))) {
    require(each != "." && each != "..", "no segment is a dot or two");
  }
  require(parse(detail::resolve_reference(base, resolved->str()))->str() == resolved->str(),
          "where it leads it leads again");
}

void check_redirect(const uri& base, std::string_view location) {
  constexpr header_view secret{"Authorization", "Bearer x"};
  response answer{.status = 307};
  try {
    answer.headers.add("Location", std::string(location));
  } catch (const std::invalid_argument&) {
    return;  // not even a header
  }
  detail::client_plan plan(base.str(), {.additional_headers = {secret}, .proxy = std::nullopt});
  plan.target.take_userinfo(uri("ws://ada:secret@localhost"));
  try {
    require(plan.follow(answer), "a redirect is followed");
  } catch (const invalid_handshake&) {
    return;
  }
  require(plan.target.secure() || !base.secure(), "no redirect leads from wss to ws");
  require(plan.dialling.host == plan.target.host() && plan.dialling.port == plan.target.port(),
          "where it leads is where one connects to");
  const bool same = detail::same_origin(base, plan.target);
  require(plan.handshake.additional_headers.contains("Authorization") == same,
          "a header with credentials stays with its origin");
  const auto& userinfo = plan.target.userinfo();
  require(!userinfo || same || location.find('@') != std::string_view::npos,
          "userinfo stays with its origin");
}

}  // namespace

// An input's first line is a URI, the rest a reference at it.
int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::input in(data, size);
  const auto base = parse(in.line());
  if (!base) return 0;
  const auto reference = in.rest();
  check_reference(*base, reference);
  check_redirect(*base, reference);
  return 0;
}
