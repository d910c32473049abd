// Lists in header fields, and the grammar of extensions.
#include <duplex/protocol/header_grammar.hpp>

#include <algorithm>

namespace duplex::protocol {
namespace {

std::string_view without_white_space(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

// Of extensions in a request or response, and of parameters of one: many times what anyone has use
// for, and what a megabyte of them would cost in memory and time.
constexpr std::size_t elements_max = 64;

// Reads one field from its front to its end. Every function takes what it is named for, and the
// white space behind it.
class extension_reader {
 public:
  explicit extension_reader(std::string_view text) : left_(text) { skip_white_space(); }

  bool read_all(extension_offers& to) {
    while (!left_.empty()) {
      if (take(',')) continue;  // an empty element
      if (to.size() == elements_max || !read_offer(to.emplace_back())) return false;
      if (!left_.empty() && !take(',')) return false;
    }
    return true;
  }

 private:
  bool read_offer(extension_offer& to) {
    if (!read_token(to.name)) return false;
    while (take(';')) {
      if (to.parameters.size() == elements_max) return false;
      extension_parameter& parameter = to.parameters.emplace_back();
      if (!read_token(parameter.name)) return false;
      if (take('=') && !read_value(parameter.value.emplace())) return false;
    }
    return true;
  }

  bool read_value(std::string& to) {
    return left_.starts_with('"') ? read_quoted(to) : read_token(to);
  }

  bool read_token(std::string& to) {
    std::size_t size = 0;
    while (size < left_.size() && is_token(left_.substr(size, 1))) ++size;
    to = left_.substr(0, size);
    left_.remove_prefix(size);
    skip_white_space();
    return size != 0;
  }

  bool read_quoted(std::string& to) {
    std::size_t at = 1;
    for (; at < left_.size() && left_[at] != '"'; ++at) {
      if (left_[at] == '\\' && ++at == left_.size()) return false;
      to += left_[at];
    }
    if (at == left_.size() || !is_token(to)) return false;
    left_.remove_prefix(at + 1);
    skip_white_space();
    return true;
  }

  bool take(char separator) {
    if (!left_.starts_with(separator)) return false;
    left_.remove_prefix(1);
    skip_white_space();
    return true;
  }

  void skip_white_space() {
    left_.remove_prefix(std::min(left_.find_first_not_of(" \t"), left_.size()));
  }

  std::string_view left_;
};

}  // namespace

std::vector<std::string_view> parse_list(const headers& fields, std::string_view name) {
  std::vector<std::string_view> elements;
  for (std::string_view value : fields.all(name)) {
    while (true) {
      const auto comma = value.find(',');
      const auto element = without_white_space(value.substr(0, comma));
      if (!element.empty()) elements.push_back(element);
      if (comma == std::string_view::npos) break;
      value.remove_prefix(comma + 1);
    }
  }
  return elements;
}

std::optional<std::vector<std::string_view>> parse_token_list(const headers& fields,
                                                              std::string_view name) {
  auto elements = parse_list(fields, name);
  if (!std::all_of(elements.begin(), elements.end(), is_token)) return std::nullopt;
  return elements;
}

bool lists_token(const headers& fields, std::string_view name, std::string_view token) {
  const auto elements = parse_list(fields, name);
  return std::any_of(elements.begin(), elements.end(),
                     [&](std::string_view element) { return equal_ignoring_case(element, token); });
}

std::optional<extension_offers> parse_extensions(const headers& fields) {
  extension_offers offers;
  for (const std::string_view value : fields.all("Sec-WebSocket-Extensions")) {
    if (!extension_reader(value).read_all(offers)) return std::nullopt;
  }
  return offers;
}

std::string write_extensions(const extension_offers& offers) {
  std::string text;
  for (const auto& [name, parameters] : offers) {
    text.append(text.empty() ? "" : ", ").append(name);
    for (const auto& [parameter, value] : parameters) {
      text.append("; ").append(parameter);
      if (value) text.append("=").append(*value);
    }
  }
  return text;
}

}  // namespace duplex::protocol
