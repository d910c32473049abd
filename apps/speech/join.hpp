// How the texts of segments become one.
#pragma once

#include <string>
#include <string_view>

namespace duplex::speech {

/// Appends the text of the next segment, UTF-8: with a space between, unless a character there is
/// Chinese or Japanese, a punctuation mark of theirs included; these are written without spaces. An
/// empty text adds nothing.
void append_segment(std::string& text, std::string_view segment);

}  // namespace duplex::speech
