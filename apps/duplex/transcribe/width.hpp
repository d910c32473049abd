// How much room UTF-8 text takes on a terminal or in a line of subtitles.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

namespace duplex::cli::transcribe {

/// One letter: a character and what combines with it.
struct letter {
  std::string_view bytes;
  std::size_t columns = 0;  ///< 2 for Chinese, Japanese and Korean, else 1
};

/// The letters of valid UTF-8 text.
std::vector<letter> letters_of(std::string_view text);

/// The columns of valid UTF-8 text.
std::size_t columns_of(std::string_view text);

/// The end of the text that fits into so many columns.
std::string_view last_columns(std::string_view text, std::size_t columns);

}  // namespace duplex::cli::transcribe
