// Cuts what was said into subtitles that can be read while it is said.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "speech/recognizer.hpp"

namespace duplex::cli::transcribe {

/// Columns of a line, and lines of a subtitle: what most guidelines for subtitles agree on. A
/// letter of Chinese, Japanese or Korean takes two columns.
inline constexpr std::size_t line_width = 42;
inline constexpr std::size_t lines_max = 2;

/// How long a subtitle is shown at least: WebVTT wants its end after its beginning.
inline constexpr std::int64_t shown_min_ms = 100;

struct subtitle {
  std::int64_t start_ms = 0;
  std::int64_t end_ms = 0;
  std::vector<std::string> lines;  ///< one or two; longer than `line_width` only where a word is

  bool operator==(const subtitle&) const = default;
};

/// Every word of the segments in their order, none twice. Subtitles begin where sentences do, if
/// that leaves none too short; each has its segment's time in proportion to its letters, and
/// `shown_min_ms` at least, for which those that follow wait. Times never overlap or run backwards.
std::vector<subtitle> subtitles_of(std::span<const speech::final_transcript> segments);

}  // namespace duplex::cli::transcribe
