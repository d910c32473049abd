#include "speech/recognizers/scripted.hpp"

#include <algorithm>
#include <cstdint>
#include <utility>

namespace duplex::speech {
namespace {

class scripted_recognition : public recognition {
 public:
  explicit scripted_recognition(std::shared_ptr<const script> lines) : script_(std::move(lines)) {}

  std::vector<transcript_event> accept(std::span<const float> samples,
                                       const std::stop_token& stop) override {
    std::vector<transcript_event> events;
    received_ += samples.size();
    while (received_ - start_ >= script_->segment_samples) {
      say(start_ + script_->segment_samples, stop, events);
    }
    return events;
  }

  std::vector<transcript_event> finish(const std::stop_token& stop) override {
    std::vector<transcript_event> events;
    if (received_ > start_) say(received_, stop, events);
    return events;
  }

  void reset() override { segment_ = received_ = start_ = 0; }

 private:
  void say(std::size_t end, const std::stop_token& stop, std::vector<transcript_event>& events) {
    throw_if_stopped(stop);
    if (script_->before_segment) script_->before_segment(segment_, stop);
    const auto& texts = script_->texts;
    const std::string text =
        texts.empty() ? "segment " + std::to_string(segment_) : texts[segment_ % texts.size()];
    if (!text.empty()) {
      events.push_back(
          {text, to_ms(static_cast<std::int64_t>(start_)), to_ms(static_cast<std::int64_t>(end))});
    }
    ++segment_;
    start_ = end;
  }

  std::shared_ptr<const script> script_;
  std::size_t segment_ = 0;
  std::size_t received_ = 0;  // samples
  std::size_t start_ = 0;     // of the open segment
};

}  // namespace

scripted_recognizer::scripted_recognizer(script lines)
    : script_(std::make_shared<const script>(std::move(lines))) {}

std::unique_ptr<recognition> scripted_recognizer::start() const {
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
