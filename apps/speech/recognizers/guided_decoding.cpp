#include "speech/recognizers/guided_decoding.hpp"

#include <algorithm>

#include "speech/recognizer.hpp"

namespace duplex::speech {
namespace {

// Where a guess was wrong, it may go on to be right after some more of its tokens: the word that
// was misread.
constexpr std::size_t misread = 4;

}  // namespace

std::vector<std::int64_t> decode_guided(token_decoder& decoder, const decoding_rules& rules,
                                        std::span<const std::int64_t> guess, std::size_t forced,
                                        const std::stop_token& stop) {
  guess = guess.first(std::min(guess.size(), std::max(forced, rules.longest)));
  const auto promised = guess.first(forced);
  std::vector<std::int64_t> tokens(promised.begin(), promised.end());
  std::vector<std::int64_t> input{rules.start};  // of a step: what is sure, then what is guessed
  input.insert(input.end(), guess.begin(), guess.end());
  std::size_t kept = 0;         // of what steps before took: what was right
  std::size_t sure = forced;    // the last place in `input` that is
  std::size_t judged = forced;  // of `guess`
  const auto next_after = [&](std::size_t index) {
    const bool is_first = tokens.empty() && rules.suppress_blank;
    return decoder.likeliest_after(index, is_first ? std::optional(rules.end) : std::nullopt);
  };
  for (;;) {
    throw_if_stopped(stop);
    decoder.take(kept, input);
    std::int64_t next = next_after(sure);
    while (sure + 1 < input.size() && next == input[sure + 1] && tokens.size() < rules.longest) {
      tokens.push_back(next);
      ++judged;
      next = next_after(++sure);
    }
    if (next == rules.end || tokens.size() >= rules.longest) return tokens;
    kept = 1 + tokens.size();
    tokens.push_back(next);
    input.assign(1, next);
    sure = 0;
    const auto rest = guess.subspan(judged);
    const auto nearby = rest.first(std::min(rest.size(), misread));
    const auto same = std::ranges::find(nearby, next);
    if (same == nearby.end()) continue;
    judged += static_cast<std::size_t>(same - nearby.begin()) + 1;
    input.insert(input.end(), guess.begin() + static_cast<std::ptrdiff_t>(judged), guess.end());
  }
}

}  // namespace duplex::speech
