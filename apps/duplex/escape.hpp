// Shows bytes of a peer on a terminal without letting them act on it.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace duplex::cli {

/// The text in printable ASCII: everything else, quotes and backslashes as `\n`, `\"`, `\x1b`. What
/// is beyond `shown_max` bytes of it is left out, and its length told instead.
std::string escaped(std::string_view text, std::size_t shown_max = std::string_view::npos);

/// UTF-8 text to be read: line feeds, tabs and letters of all scripts stay; control characters
/// become `\x1b`, those that turn or break lines unseen `\u202e`, what is no UTF-8 `\xff`. For
/// reading only: a backslash is left as it is.
std::string printable(std::string_view text);

/// JSON that means the same, with what `printable` does not show as it is written `\u009b`.
std::string printable_json(std::string_view json);

/// Bytes as lower-case hexadecimal digits.
std::string hexadecimal(std::span<const std::byte> bytes);

}  // namespace duplex::cli
