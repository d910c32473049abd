#include "word_error_rate.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <map>
#include <numeric>
#include <sstream>
#include <utility>

#include "speech/utf8.hpp"

namespace duplex::speech {
namespace {

std::string spelled(unsigned long number) {
  static constexpr std::array small{"zero",    "one",     "two",       "three",    "four",
                                    "five",    "six",     "seven",     "eight",    "nine",
                                    "ten",     "eleven",  "twelve",    "thirteen", "fourteen",
                                    "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"};
  static constexpr std::array tens{"",      "",      "twenty",  "thirty", "forty",
                                   "fifty", "sixty", "seventy", "eighty", "ninety"};
  const auto rest = [](unsigned long value) { return value == 0 ? "" : " " + spelled(value); };
  if (number < small.size()) return small[number];
  if (number < 100) return tens[number / 10] + rest(number % 10);
  if (number < 1000) return std::string(small[number / 100]) + " hundred" + rest(number % 100);
  return spelled(number / 1000) + " thousand" + rest(number % 1000);
}

std::string in_full(const std::string& word) {
  static const std::map<std::string, std::string> forms{
      {"mr", "mister"}, {"mrs", "missus"}, {"dr", "doctor"},  {"st", "saint"},
      {"ok", "okay"},   {"1st", "first"},  {"2nd", "second"}, {"3rd", "third"}};
  if (const auto form = forms.find(word); form != forms.end()) return form->second;
  const bool is_number =
      word.size() < 7 && std::ranges::all_of(word, [](unsigned char c) { return std::isdigit(c); });
  return is_number ? spelled(std::stoul(word)) : word;
}

}  // namespace

std::vector<std::string> words_of(std::string_view text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    const auto is_digit = [&](std::size_t at) {
      return at < text.size() && std::isdigit(static_cast<unsigned char>(text[at]));
    };
    if (begins_unspaced(text.substr(i))) {  // a character is a word, unless it is punctuation
      const auto character = text.substr(i, c < 0xF0 ? 3 : 4);
      const bool is_mark = character.starts_with("\xE3\x80") || character.starts_with('\xEF');
      plain.append(" ").append(is_mark ? "" : character).append(" ");
      i += character.size() - 1;
      continue;
    }
    if (c == '\'') continue;                                                // don't, dont
    if (c == ',' && i > 0 && is_digit(i - 1) && is_digit(i + 1)) continue;  // 1,000
    plain.push_back(std::isalnum(c) || c >= 0x80 ? static_cast<char>(std::tolower(c)) : ' ');
  }
  std::vector<std::string> words;
  std::istringstream in(plain);
  for (std::string word; in >> word;) {
    std::istringstream full(in_full(word));
    for (std::string part; full >> part;) words.push_back(part);
  }
  return words;
}

word_errors& word_errors::operator+=(const word_errors& other) {
  errors += other.errors;
  words += other.words;
  return *this;
}

double word_errors::rate() const {
  return words == 0 ? 0 : static_cast<double>(errors) / static_cast<double>(words);
}

// Levenshtein's distance, a row at a time.
word_errors compare(std::string_view reference, std::string_view hypothesis) {
  const auto wanted = words_of(reference);
  const auto given = words_of(hypothesis);
  std::vector<std::size_t> row(given.size() + 1);
  std::iota(row.begin(), row.end(), 0);
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i + 1);
    for (std::size_t j = 0; j < given.size(); ++j) {
      const std::size_t replaced = diagonal + (wanted[i] == given[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, row[j] + 1, row[j + 1] + 1});
    }
  }
  return {row.back(), wanted.size()};
}

}  // namespace duplex::speech
