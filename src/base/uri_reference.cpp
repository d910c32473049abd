// Resolution of references, in the steps and the words of RFC 3986 section 5.2.
#include "base/uri_reference.hpp"

#include <algorithm>
#include <optional>

#include <duplex/http.hpp>

namespace duplex::detail {
namespace {

struct parts {
  std::optional<std::string_view> scheme = {}, authority = {};
  std::string_view path = {};
  std::optional<std::string_view> query = {};
};

bool is_scheme(std::string_view text) {
  const auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  return !text.empty() && is_letter(text.front()) &&
         std::all_of(text.begin(), text.end(), [&](char c) {
           return is_letter(c) || (c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.';
         });
}

// Section 3; the regular expression of appendix B.
parts split(std::string_view text) {
  parts result;
  text = text.substr(0, text.find('#'));
  const auto colon = text.find(':');
  if (colon != std::string_view::npos && is_scheme(text.substr(0, colon))) {
    result.scheme = text.substr(0, colon);
    text.remove_prefix(colon + 1);
  }
  if (text.starts_with("//")) {
    text.remove_prefix(2);
    const auto end = std::min(text.find_first_of("/?"), text.size());
    result.authority = text.substr(0, end);
    text.remove_prefix(end);
  }
  const auto mark = text.find('?');
  result.path = text.substr(0, mark);
  if (mark != std::string_view::npos) result.query = text.substr(mark + 1);
  return result;
}

// Section 5.2.4.
std::string without_dot_segments(std::string_view input) {
  std::string output;
  const auto drop_last_segment = [&] { output.erase(std::min(output.rfind('/'), output.size())); };
  while (!input.empty()) {
    if (input.starts_with("../")) {
      input.remove_prefix(3);
    } else if (input.starts_with("./") || input.starts_with("/./")) {
      input.remove_prefix(2);
    } else if (input == "/.") {
      input = "/";
    } else if (input.starts_with("/../")) {
      input.remove_prefix(3);
      drop_last_segment();
    } else if (input == "/..") {
      input = "/";
      drop_last_segment();
    } else if (input == "." || input == "..") {
      input = {};
    } else {
      const auto end = std::min(input.find('/', 1), input.size());
      output += input.substr(0, end);
      input.remove_prefix(end);
    }
  }
  return output;
}

std::string scheme_of(std::string_view scheme) {
  if (equal_ignoring_case(scheme, "http")) return "ws";
  if (equal_ignoring_case(scheme, "https")) return "wss";
  return std::string(scheme);
}

}  // namespace

std::string resolve_reference(const uri& base, std::string_view reference) {
  // The whole of it: alone, a path that begins with two slashes would be an authority.
  const std::string whole = base.str();
  const parts from = split(whole);
  const parts to = split(reference);
  std::string path;
  auto query = to.query;
  if (to.scheme || to.authority || to.path.starts_with('/')) {
    path = without_dot_segments(to.path);
  } else if (to.path.empty()) {
    path = from.path;
    if (!query) query = from.query;
  } else {
    // Section 5.2.3: behind the last slash of the base's path, which has one.
    const auto folder = from.path.substr(0, from.path.rfind('/') + 1);
    path = without_dot_segments(std::string(folder).append(to.path));
  }
  std::string text = to.scheme ? scheme_of(*to.scheme) : base.secure() ? "wss" : "ws";
  text += ':';
  if (to.authority) {
    text.append("//").append(*to.authority);
  } else if (!to.scheme) {
    text.append("//").append(base.host_header());
  } else if (path.starts_with("//")) {
    text += "/.";  // "ws:/.//host" names no host: its path must not become one
  }
  text += path;
  if (query) text.append("?").append(*query);
  return text;
}

bool same_origin(const uri& a, const uri& b) {
  return a.secure() == b.secure() && a.host() == b.host() && a.port() == b.port();
}

}  // namespace duplex::detail
