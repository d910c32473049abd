/// The version of the library; the build reads it from here.
#pragma once

#include <string_view>

#define DUPLEX_VERSION_MAJOR 0
#define DUPLEX_VERSION_MINOR 1
#define DUPLEX_VERSION_PATCH 0

namespace duplex {

/// "major.minor.patch" of the headers in use.
inline constexpr std::string_view version = "0.1.0";

}  // namespace duplex
