// UTF-8 as models write it: made valid, so that it may leave as JSON, and told apart into words.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace duplex::speech {

/// `text` itself if it is valid UTF-8, else `text` with U+FFFD for what is not.
std::string to_valid_utf8(std::string text);

/// Whether `text` begins with a character of those that are written without spaces between words:
/// Han and kana, their punctuation and full-width forms; not Hangul, as Korean has spaces. The
/// first bytes of one are enough. Each of them counts as a word.
bool begins_unspaced(std::string_view text);

/// Where the last word of `text` begins, which may still grow.
std::size_t last_word(std::string_view text);

}  // namespace duplex::speech
