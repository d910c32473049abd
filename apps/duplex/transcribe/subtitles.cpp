#include "transcribe/subtitles.hpp"

#include <algorithm>
#include <limits>
#include <string_view>

#include "transcribe/width.hpp"

namespace duplex::cli::transcribe {
namespace {

// What a line may be broken before.
struct token {
  std::string_view text;
  std::size_t columns = 0;
  bool follows_space = false;
};

using tokens = std::span<const token>;

// Which no line begins with, although nothing else keeps it from that.
bool closes(std::string_view letter) {
  constexpr std::string_view closing[] = {"。", "，", "、", "．", "！", "？", "；", "：",
                                          "」", "』", "）", "】", "》", "”",  "’",  "…"};
  return std::ranges::find(closing, letter) != std::end(closing);
}

// Words; and, in scripts without spaces, letters.
std::vector<token> tokens_of(std::string_view text) {
  std::vector<token> result;
  bool begins = true, follows_space = false;
  for (const auto& [bytes, columns] : letters_of(text)) {
    if (bytes == " ") {
      begins = follows_space = true;
      continue;
    }
    const bool is_wide = columns == 2;
    if (begins || (is_wide && !closes(bytes))) {
      result.push_back({bytes, columns, follows_space});
    } else {
      auto& last = result.back();
      last.text = {last.text.data(), last.text.size() + bytes.size()};
      last.columns += columns;
    }
    begins = is_wide;
    follows_space = false;
  }
  return result;
}

std::size_t columns_of(tokens line) {
  std::size_t columns = 0;
  for (const auto& each : line) columns += each.columns + (each.follows_space ? 1 : 0);
  return line.empty() ? 0 : columns - (line.front().follows_space ? 1 : 0);
}

std::string text_of(tokens line) {
  std::string text;
  for (const auto& each : line) {
    if (each.follows_space && !text.empty()) text += ' ';
    text += each.text;
  }
  return text;
}

// How many columns out of the way it is worth to break after this token.
std::size_t worth_of_break_after(const token& last) {
  constexpr std::string_view sentence[] = {".", "?", "!", "。", "？", "！"};
  constexpr std::string_view clause[] = {",", ";", ":", "，", "；", "：", "、"};
  const auto ends = [&](std::string_view mark) { return last.text.ends_with(mark); };
  if (std::ranges::any_of(sentence, ends)) return line_width / 2;
  if (std::ranges::any_of(clause, ends)) return line_width / 4;
  return 0;
}

// After how many words to break, from `first` to `last` of them, so that they have about `ideal`
// columns.
std::size_t best_break(tokens words, std::size_t ideal, std::size_t first, std::size_t last) {
  std::size_t best = last;
  auto least = std::numeric_limits<std::ptrdiff_t>::max();
  for (std::size_t i = first; i <= last; ++i) {
    const auto columns = columns_of(words.first(i));
    const auto distance = columns > ideal ? columns - ideal : ideal - columns;
    const auto cost = static_cast<std::ptrdiff_t>(distance) -
                      static_cast<std::ptrdiff_t>(worth_of_break_after(words[i - 1]));
    if (cost <= least) {
      least = cost;
      best = i;
    }
  }
  return best;
}

// How many tokens fit into a line; one at least.
std::size_t fill_line(tokens words) {
  std::size_t count = 0;
  while (count < words.size() && columns_of(words.first(count + 1)) <= line_width) ++count;
  return std::max<std::size_t>(count, 1);
}

std::size_t fill_subtitle(tokens words) {
  std::size_t count = 0;
  for (std::size_t i = 0; i < lines_max && count < words.size(); ++i) {
    count += fill_line(words.subspan(count));
  }
  return count;
}

// One line, or two of about the same length.
std::vector<std::string> broken(tokens words) {
  const auto most = fill_line(words);
  if (most == words.size()) return {text_of(words)};
  auto least = most;
  while (least > 1 && columns_of(words.subspan(least - 1)) <= line_width) --least;
  const auto upper = best_break(words, columns_of(words) / 2, least, most);
  return {text_of(words.first(upper)), text_of(words.subspan(upper))};
}

// The next subtitle's tokens: as many as in those that follow, more or less.
std::size_t next_break(tokens words) {
  const auto most = fill_subtitle(words);
  if (most == words.size()) return most;
  constexpr std::size_t room = lines_max * line_width;
  const auto columns = columns_of(words);
  return best_break(words, columns / (columns / room + 1), 1, most);
}

void append_segment(std::vector<subtitle>& to, const speech::final_transcript& segment) {
  const auto all = tokens_of(segment.text);
  const auto total = static_cast<std::int64_t>(columns_of(all));
  const auto start = std::max(segment.start_ms, to.empty() ? 0 : to.back().end_ms);
  const auto length = std::max<std::int64_t>(segment.end_ms - start, 0);
  std::int64_t begin = start;
  for (tokens left = all; !left.empty();) {
    const auto count = next_break(left);
    const auto words = left.first(count);
    left = left.subspan(count);
    const auto behind = static_cast<std::int64_t>(columns_of(left));
    const auto end = std::max(start + length * (total - behind) / total, begin + shown_min_ms);
    to.push_back({begin, end, broken(words)});
    begin = end;
  }
}

}  // namespace

std::vector<subtitle> subtitles_of(std::span<const speech::final_transcript> segments) {
  std::vector<subtitle> result;
  for (const auto& each : segments) append_segment(result, each);
  return result;
}

}  // namespace duplex::cli::transcribe
