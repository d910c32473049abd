// Makes sure that what a model writes may leave as JSON.
#pragma once

#include <string>

namespace duplex::speech {

/// `text` itself if it is valid UTF-8, else `text` with U+FFFD for what is not.
std::string to_valid_utf8(std::string text);

}  // namespace duplex::speech
