// International host names in ASCII (RFC 5890).
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace duplex::detail {

/// A host name in UTF-8 as the DNS and HTTP know it: labels with other letters than ASCII's become
/// "xn--..." (RFC 3492), in lower case where the system knows the letter's. nullopt where the name
/// is not UTF-8 or a label is too long. Otherwise nothing is mapped or refused: letters with
/// accents are expected composed, as keyboards write them.
std::optional<std::string> idna_to_ascii(std::string_view name);

}  // namespace duplex::detail
