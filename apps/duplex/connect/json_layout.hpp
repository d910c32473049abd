// JSON made readable: a line for each member and element.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace duplex::cli {

/// The JSON text laid out over lines, indented by two spaces; numbers, strings and the order of
/// members stay as they were written. nullopt where it is no JSON, or nested more than 64 deep.
std::optional<std::string> lay_out_json(std::string_view text);

}  // namespace duplex::cli
