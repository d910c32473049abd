// Header fields and the grammar of their names and values.
#include <duplex/http.hpp>
#include <duplex/log.hpp>

#include <algorithm>
#include <stdexcept>

namespace duplex {
namespace {

bool is_token_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         (c != '\0' && std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos);
}

bool is_value_character(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return (byte >= 0x20 && byte != 0x7F) || byte == '\t';
}

bool is_blank(char c) { return c == ' ' || c == '\t'; }

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

}  // namespace

bool is_token(std::string_view text) noexcept {
  return !text.empty() && std::all_of(text.begin(), text.end(), is_token_character);
}

bool is_field_value(std::string_view text) noexcept {
  if (text.empty()) return true;
  return !is_blank(text.front()) && !is_blank(text.back()) &&
         std::all_of(text.begin(), text.end(), is_value_character);
}

bool equal_ignoring_case(std::string_view a, std::string_view b) noexcept {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return lower(x) == lower(y); });
}

headers::headers(std::initializer_list<field> fields) {
  for (const auto& [name, value] : fields) add(name, value);
}

std::optional<std::string_view> headers::get(std::string_view name) const {
  const auto values = all(name);
  if (values.size() != 1) return std::nullopt;
  return values.front();
}

std::vector<std::string_view> headers::all(std::string_view name) const {
  std::vector<std::string_view> values;
  for (const auto& [each, value] : fields_) {
    if (equal_ignoring_case(each, name)) values.push_back(value);
  }
  return values;
}

std::size_t headers::count(std::string_view name) const {
  return static_cast<std::size_t>(
      std::count_if(fields_.begin(), fields_.end(),
                    [&](const field& each) { return equal_ignoring_case(each.first, name); }));
}

void headers::add(std::string name, std::string value) {
  if (!is_token(name)) throw std::invalid_argument("invalid header name '" + escaped(name) + "'");
  // The value is not shown: it may be a credential.
  if (!is_field_value(value)) throw std::invalid_argument("invalid value of header " + name);
  fields_.emplace_back(std::move(name), std::move(value));
}

void headers::set(std::string_view name, std::string value) {
  headers one;
  one.add(std::string(name), std::move(value));
  remove(name);
  fields_.push_back(std::move(one.fields_.front()));
}

void headers::remove(std::string_view name) {
  std::erase_if(fields_, [&](const field& each) { return equal_ignoring_case(each.first, name); });
}

std::string_view reason_phrase(int status) noexcept {
  switch (status) {
    case 101:
      return "Switching Protocols";
    case 200:
      return "OK";
    case 204:
      return "No Content";
    case 206:
      return "Partial Content";
    case 301:
      return "Moved Permanently";
    case 302:
      return "Found";
    case 303:
      return "See Other";
    case 304:
      return "Not Modified";
    case 307:
      return "Temporary Redirect";
    case 308:
      return "Permanent Redirect";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 406:
      return "Not Acceptable";
    case 408:
      return "Request Timeout";
    case 413:
      return "Content Too Large";
    case 414:
      return "URI Too Long";
    case 416:
      return "Range Not Satisfiable";
    case 426:
      return "Upgrade Required";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 502:
      return "Bad Gateway";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    case 505:
      return "HTTP Version Not Supported";
    default:
      return "";
  }
}

response respond(int status, std::string_view text, std::string_view content_type) {
  return {status,
          std::string(reason_phrase(status)),
          {{"Content-Type", std::string(content_type)},
           {"Content-Length", std::to_string(text.size())}},
          std::string(text)};
}

std::string_view request::path() const noexcept {
  return std::string_view(target).substr(0, target.find('?'));
}

std::string_view request::query() const noexcept {
  const auto mark = target.find('?');
  return mark == std::string::npos ? std::string_view() : std::string_view(target).substr(mark + 1);
}

}  // namespace duplex
