#include "speech/recognizers/agreement.hpp"

#include <algorithm>
#include <utility>

#include "speech/recognizer.hpp"
#include "speech/utf8.hpp"

namespace duplex::speech {

namespace {

// Readings of almost the same sound make the same mistakes.
constexpr std::size_t apart = 2 * sample_rate;

// The words at the end of what is agreed on may be told by what follows them.
constexpr int doubtful_words = 2;

}  // namespace

void agreement::add(std::vector<std::int64_t> tokens, std::size_t heard, std::size_t certain,
                    const std::function<bool(std::int64_t)>& begins_word) {
  latest_ = std::move(tokens);
  if (heard < compared_heard_ + apart) return;
  if (compared_heard_ <= certain) {
    const auto differs = std::ranges::mismatch(compared_, latest_).in2;
    auto end = static_cast<std::size_t>(differs - latest_.begin());
    for (int words = 0; end > stable_ && words < doubtful_words;) {
      --end;
      if (begins_word(latest_[end])) ++words;
    }
    stable_ = std::max(stable_, end);
  }
  compared_ = latest_;
  compared_heard_ = heard;
}

bool begins_word(std::string_view piece) {
  return piece.starts_with(' ') || begins_unspaced(piece);
}

}  // namespace duplex::speech
