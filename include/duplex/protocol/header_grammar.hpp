// Values of header fields that are lists (RFC 9110 section 5.6.1; RFC 6455 section 9.1).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <duplex/http.hpp>

namespace duplex::protocol {

/// The elements of all fields of that name, as though they were one list: "a, b" and "c" are a, b
/// and c. Empty elements are skipped.
std::vector<std::string_view> parse_list(const headers&, std::string_view name);

/// As parse_list, for lists of tokens; nullopt where an element is none.
std::optional<std::vector<std::string_view>> parse_token_list(const headers&,
                                                              std::string_view name);

/// Whether the fields of that name list the token, in any case.
bool lists_token(const headers&, std::string_view name, std::string_view token);

/// One parameter of an extension: "name" or "name=value".
struct extension_parameter {
  std::string name = {};
  std::optional<std::string> value = {};

  bool operator==(const extension_parameter&) const = default;
};
using extension_parameters = std::vector<extension_parameter>;

/// One element of Sec-WebSocket-Extensions: of a request an offer, of a response what is agreed on.
struct extension_offer {
  std::string name = {};
  extension_parameters parameters = {};

  bool operator==(const extension_offer&) const = default;
};
using extension_offers = std::vector<extension_offer>;

/// The elements of all Sec-WebSocket-Extensions fields, in order; nullopt where the grammar of
/// RFC 6455 section 9.1 is broken: names and values are tokens, and "When using the quoted-string
/// syntax variant, the value after quoted-string unescaping MUST conform to the 'token' ABNF."
/// Nor may there be more than 64 elements, or 64 parameters of one. Takes time in proportion to the
/// length of the fields.
std::optional<extension_offers> parse_extensions(const headers&);

/// The value of a Sec-WebSocket-Extensions field.
std::string write_extensions(const extension_offers&);

}  // namespace duplex::protocol
