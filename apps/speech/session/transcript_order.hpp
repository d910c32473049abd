// Holds recognisers to what the protocol promises of partials and finals.
#pragma once

#include <cstdint>
#include <string>

#include "speech/recognizer.hpp"

namespace duplex::speech {

/// What was told of a session's segments, and whether the next transcript fits to it.
class transcript_order {
 public:
  /// The revision of a partial that may be told; 0: of a segment that has its final, or against
  /// what was stable: better none.
  std::int64_t revise(const partial_transcript& partial);

  /// Whether it is the next final, and begins where the last one ended or later.
  bool accept(const final_transcript& final);

  /// Finals so far: the number of the next segment.
  std::int64_t finals() const { return finals_; }
  /// Where the last final ended.
  std::int64_t end_ms() const { return end_ms_; }

 private:
  std::int64_t finals_ = 0;
  std::int64_t end_ms_ = 0;
  std::int64_t open_ = 0;  // the segment that the following is about
  std::int64_t revision_ = 0;
  std::string stable_;
};

}  // namespace duplex::speech
