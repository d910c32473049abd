// The part of a URI between its scheme and its path: who, where, at which port.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace duplex::detail {

/// What is wrong with a URI; becomes the exception of who knows its whole text.
struct uri_problem {
  std::string text;
};

/// RFC 3986 section 3.2.
struct authority {
  std::optional<std::pair<std::string, std::string>> userinfo = {};  ///< percent-decoded
  std::string host = {};  ///< lower case, ASCII, without the brackets of an IPv6 literal
  std::optional<std::uint16_t> port = {};
};

/// Throws uri_problem, which quotes no userinfo.
authority parse_authority(std::string_view text);

/// Throws uri_problem where there is a space or a control character.
void check_uri_characters(std::string_view text);

/// What may be shown of a URI and of what is wrong with it: passwords do not belong into messages.
std::string shown_uri(std::string_view uri);
std::string shown_problem(const uri_problem& problem, std::string_view uri);

}  // namespace duplex::detail
