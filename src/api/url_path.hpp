// The path of a request, taken apart (RFC 3986 section 3.3).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace duplex::detail {

/// What stands between the slashes of a path, percent-decoded: "/a/b%20c/" is "a", "b c", "".
///
/// nullopt where a segment could be taken for something else later on: where it is not UTF-8, is
/// "." or "..", has a slash, a backslash or a control character, and where one that is not the last
/// is empty.
std::optional<std::vector<std::string>> path_segments(std::string_view path);

}  // namespace duplex::detail
