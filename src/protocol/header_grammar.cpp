// Lists in header fields.
#include <duplex/protocol/header_grammar.hpp>

#include <algorithm>

namespace duplex::protocol {
namespace {

std::string_view without_white_space(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

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

}  // namespace duplex::protocol
