#include "speech/session/transcript_order.hpp"

#include <string_view>

namespace duplex::speech {

std::int64_t transcript_order::revise(const partial_transcript& partial) {
  const std::string_view text = partial.text;
  if (partial.segment < finals_ || partial.segment < open_) return 0;
  if (partial.start_ms < end_ms_ || partial.end_ms < partial.start_ms) return 0;
  if (partial.stable > text.size()) return 0;
  const bool same = partial.segment == open_;
  const std::string_view stable = text.substr(0, partial.stable);
  if (same && !stable.starts_with(stable_)) return 0;
  if (!same) revision_ = 0;
  open_ = partial.segment;
  stable_ = stable;
  return ++revision_;
}

bool transcript_order::accept(const final_transcript& final) {
  const bool fits = final.segment == finals_ && final.start_ms >= end_ms_ &&
                    final.end_ms >= final.start_ms &&
                    (final.segment != open_ || final.text.starts_with(stable_));
  if (!fits) return false;
  ++finals_;
  end_ms_ = final.end_ms;
  if (open_ < finals_) {
    open_ = finals_;
    revision_ = 0;
    stable_.clear();
  }
  return true;
}

}  // namespace duplex::speech
