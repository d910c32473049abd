// How many words a recogniser got wrong.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace duplex::speech {

/// The words of `text` as error rates compare them: lower case, no punctuation, whole numbers below
/// a million spelled out, common abbreviations written in full. Of Chinese and Japanese, each
/// character.
std::vector<std::string> words_of(std::string_view text);

struct word_errors {
  std::size_t errors = 0;  ///< Substitutions, insertions and deletions.
  std::size_t words = 0;   ///< Of the reference.

  word_errors& operator+=(const word_errors& other);
  double rate() const;  ///< errors / words; 0 without words.
};

/// The least edits that make `hypothesis` of `reference`, after `words_of`.
word_errors compare(std::string_view reference, std::string_view hypothesis);

}  // namespace duplex::speech
