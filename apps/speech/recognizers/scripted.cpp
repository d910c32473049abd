#include "speech/recognizers/scripted.hpp"

#include <algorithm>
#include <cstdint>
#include <deque>
#include <utility>

namespace duplex::speech {
namespace {

class scripted_recognition : public recognition {
 public:
  explicit scripted_recognition(std::shared_ptr<const script> lines) : script_(std::move(lines)) {}

  std::vector<speech_mark> accept(std::span<const float> samples) override {
    std::vector<speech_mark> marks;
    const std::int64_t before = received_;
    received_ += static_cast<std::int64_t>(samples.size());
    if (before == start_ && received_ > start_) marks.push_back(speech_started{to_ms(start_)});
    const auto length = static_cast<std::int64_t>(script_->segment_samples);
    while (received_ - start_ >= length) {
      end(start_ + length, end_reason::max, marks);
      if (received_ > start_) marks.push_back(speech_started{to_ms(start_)});
    }
    settle();
    return marks;
  }

  std::vector<speech_mark> flush() override { return end_open(end_reason::flush); }
  std::vector<speech_mark> finish() override { return end_open(end_reason::stop); }

  bool has_final() const override { return !ended_.empty(); }

  final_transcript decode_final(const std::stop_token& stop) override {
    throw_if_stopped(stop);
    const segment it = ended_.front();
    if (script_->before_segment) script_->before_segment(it.number, stop);
    ended_.pop_front();
    settle();
    return {.segment = static_cast<std::int64_t>(it.number),
            .text = text_of(it.number),
            .start_ms = to_ms(it.start),
            .end_ms = to_ms(it.end),
            .reason = it.reason};
  }

  bool partial_due(std::int64_t interval) const override {
    return received_ - std::max(start_, covered_) >= interval;
  }

  partial_transcript decode_partial(const std::stop_token& stop) override {
    throw_if_stopped(stop);
    if (script_->before_partial) script_->before_partial(segment_, stop);
    covered_ = received_;
    const std::string text = text_of(segment_);
    const std::size_t heard = text.size() * static_cast<std::size_t>(received_ - start_) /
                              std::max<std::size_t>(script_->segment_samples, 1);
    const std::string words = text.substr(0, std::min(text.find(' ', heard), text.size()));
    const std::size_t last = words.rfind(' ');
    return {.segment = static_cast<std::int64_t>(segment_),
            .text = words,
            .stable = last == std::string::npos ? 0 : last,
            .start_ms = to_ms(start_),
            .end_ms = to_ms(received_)};
  }

  std::int64_t settled() const override { return settled_; }

  void reset() override {
    segment_ = 0;
    received_ = start_ = covered_ = settled_ = 0;
    ended_.clear();
  }

 private:
  struct segment {
    std::size_t number = 0;
    std::int64_t start = 0;
    std::int64_t end = 0;
    end_reason reason = end_reason::stop;
  };

  void end(std::int64_t at, end_reason reason, std::vector<speech_mark>& marks) {
    ended_.push_back({segment_, start_, at, reason});
    ++segment_;
    start_ = at;
    marks.push_back(speech_ended{to_ms(at)});
  }

  std::vector<speech_mark> end_open(end_reason reason) {
    std::vector<speech_mark> marks;
    if (received_ > start_) end(received_, reason, marks);
    return marks;
  }

  void settle() {
    settled_ = std::max(settled_, ended_.empty() ? received_ : ended_.front().start);
  }

  std::string text_of(std::size_t number) const {
    const auto& texts = script_->texts;
    return texts.empty() ? "segment " + std::to_string(number) : texts[number % texts.size()];
  }

  std::shared_ptr<const script> script_;
  std::size_t segment_ = 0;    // number of the open one
  std::int64_t received_ = 0;  // samples
  std::int64_t start_ = 0;     // of the open segment
  std::int64_t covered_ = 0;   // by partials
  std::int64_t settled_ = 0;
  std::deque<segment> ended_;
};

}  // namespace

scripted_recognizer::scripted_recognizer(script lines)
    : script_(std::make_shared<const script>(std::move(lines))) {}

std::unique_ptr<recognition> scripted_recognizer::start(const stream_options& options) const {
  check(options);
  return std::make_unique<scripted_recognition>(script_);
}

void gate::pass(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  ++arrivals_;
  changed_.notify_all();
  changed_.wait(lock, stop, [this] { return is_open_; });
  if (!is_open_) throw_if_stopped(stop);
}

void gate::open() {
  const std::lock_guard lock(mutex_);
  is_open_ = true;
  changed_.notify_all();
}

void gate::wait_for_arrivals(std::size_t count) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return arrivals_ >= count; });
}

}  // namespace duplex::speech
