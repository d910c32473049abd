// Shows bytes of a peer on a terminal without letting them act on it.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace duplex::cli {

/// The text in printable ASCII: everything else, quotes and backslashes as `\n`, `\"`, `\x1b`. What
/// is beyond `shown_max` bytes of it is left out, and its length told instead.
std::string escaped(std::string_view text, std::size_t shown_max = std::string_view::npos);

}  // namespace duplex::cli
