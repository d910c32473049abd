#include "live.hpp"

#include <algorithm>
#include <ctime>
#include <stdexcept>
#include <string>
#include <utility>

#include "word_error_rate.hpp"

namespace duplex::speech {
namespace {

double processor_time() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

template <typename F>
auto timed(double& total, F&& call) {
  const double before = processor_time();
  auto result = call();
  total += processor_time() - before;
  return result;
}

void require(bool kept, const std::string& promise) {
  if (!kept) throw std::logic_error("broken: " + promise);
}

// How many words of `before` are not at the same place in `after`.
std::size_t erased_words(const std::string& before, const std::string& after) {
  const auto old_words = words_of(before);
  const auto new_words = words_of(after);
  std::size_t kept = 0;
  for (std::size_t i = 0; i < std::min(old_words.size(), new_words.size()); ++i)
    kept += old_words[i] == new_words[i] ? 1 : 0;
  return old_words.size() - kept;
}

// Follows what is told of the segments of one stream.
class listener {
 public:
  explicit listener(live_result& result) : result_(result) {}

  void hear(const partial_transcript& it) {
    require(it.segment == next_, "a partial is of the open segment");
    require(it.stable <= it.text.size() && it.stable >= stable_.size(), "stable does not shrink");
    require(it.text.starts_with(stable_), "stable does not change: " + stable_ + " | " + it.text);
    require(it.start_ms >= end_ms_ && it.end_ms >= it.start_ms, "times go on");
    stable_ = it.text.substr(0, it.stable);
    result_.erased += erased_words(shown_, it.text);
    result_.unstable += words_of(it.text.substr(it.stable)).size();
    ++result_.partials;
    shown_ = it.text;
  }

  void hear(final_transcript it) {
    require(it.segment == next_++, "segments are numbered and have one final each");
    require(it.text.starts_with(stable_), "a final is stable: " + stable_ + " | " + it.text);
    require(it.start_ms >= end_ms_ && it.end_ms > it.start_ms, "segments do not overlap");
    end_ms_ = it.end_ms;
    result_.erased += erased_words(shown_, it.text);
    result_.words += words_of(it.text).size();
    shown_.clear();
    stable_.clear();
    if (!it.text.empty()) result_.finals.push_back(std::move(it));
  }

 private:
  live_result& result_;
  std::int64_t next_ = 0;
  std::int64_t end_ms_ = 0;
  std::string shown_;
  std::string stable_;
};

}  // namespace

live_result& live_result::operator+=(const live_result& other) {
  finals.insert(finals.end(), other.finals.begin(), other.finals.end());
  partials += other.partials;
  words += other.words;
  erased += other.erased;
  unstable += other.unstable;
  listening += other.listening;
  partial_decoding += other.partial_decoding;
  final_decoding += other.final_decoding;
  slowest_partial = std::max(slowest_partial, other.slowest_partial);
  seconds += other.seconds;
  return *this;
}

live_result stream_live(const recognizer& model, std::span<const float> samples,
                        const live_options& options) {
  live_result result;
  result.seconds = static_cast<double>(samples.size()) / sample_rate;
  listener hears(result);
  const auto stream = model.start(options.stream);
  const auto decode_ended = [&] {
    while (stream->has_final())
      hears.hear(timed(result.final_decoding, [&] { return stream->decode_final({}); }));
  };
  const auto chunk = static_cast<std::size_t>(options.chunk.count() * sample_rate / 1000);
  const auto interval = options.partial_interval.count() * sample_rate / 1000;
  while (!samples.empty()) {
    const auto part = samples.first(std::min(chunk, samples.size()));
    timed(result.listening, [&] { return stream->accept(part); });
    decode_ended();
    if (interval > 0 && stream->partial_due(interval)) {
      double took = 0;
      hears.hear(timed(took, [&] { return stream->decode_partial({}); }));
      result.partial_decoding += took;
      result.slowest_partial = std::max(result.slowest_partial, took);
    }
    samples = samples.subspan(part.size());
  }
  stream->finish();
  decode_ended();
  return result;
}

}  // namespace duplex::speech
