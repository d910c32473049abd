// Values of header fields that are lists (RFC 9110 section 5.6.1).
#pragma once

#include <optional>
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

}  // namespace duplex::protocol
