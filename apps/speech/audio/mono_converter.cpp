#include "speech/audio/mono_converter.hpp"

#include <soxr.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>

#include "speech/recognizer.hpp"

namespace duplex::speech {
namespace {

constexpr int lowest_rate = 8'000;
constexpr int highest_rate = 192'000;
constexpr int most_channels = 8;

void require(soxr_error_t error) {
  if (error != nullptr) throw std::runtime_error(std::string("cannot resample: ") + error);
}

}  // namespace

void check_frames(int rate, int channels, error_code code) {
  if (rate < lowest_rate || rate > highest_rate) {
    throw speech_error(code, "sample rate " + std::to_string(rate) + " Hz is outside " +
                                 std::to_string(lowest_rate) + " to " +
                                 std::to_string(highest_rate) + " Hz");
  }
  if (channels < 1 || channels > most_channels) {
    throw speech_error(code, "number of channels " + std::to_string(channels) +
                                 " is outside 1 to " + std::to_string(most_channels));
  }
}

class mono_converter::resampler {
 public:
  explicit resampler(int rate) {
    soxr_error_t error = nullptr;
    handle_.reset(soxr_create(rate, sample_rate, 1, &error, nullptr, nullptr, nullptr));
    require(error);
  }

  // None: the end, whatever is left.
  std::span<const float> process(std::span<const float> samples) {
    constexpr std::size_t step = sample_rate;
    const bool is_end = samples.empty();
    out_.clear();
    std::size_t made = 0;
    do {
      const std::size_t before = out_.size();
      out_.resize(before + step);
      std::size_t used = 0;
      require(soxr_process(handle_.get(), is_end ? nullptr : samples.data(), samples.size(), &used,
                           out_.data() + before, step, &made));
      out_.resize(before + made);
      samples = samples.subspan(used);
    } while (made == step);  // there was room left: it has taken all
    for (float& sample : out_) sample = std::clamp(sample, -1.0F, 1.0F);  // filters overshoot
    return out_;
  }

 private:
  struct deleter {
    void operator()(soxr_t handle) const { soxr_delete(handle); }
  };

  std::unique_ptr<soxr, deleter> handle_;
  std::vector<float> out_;
};

mono_converter::mono_converter(int rate, int channels)
    : channels_(static_cast<std::size_t>(channels)) {
  if (rate != sample_rate) resampler_ = std::make_unique<resampler>(rate);
}

mono_converter::~mono_converter() = default;
mono_converter::mono_converter(mono_converter&&) noexcept = default;
mono_converter& mono_converter::operator=(mono_converter&&) noexcept = default;

std::span<const float> mono_converter::convert(std::span<const float> frames) {
  mono_.resize(frames.size() / channels_);
  for (float& sample : mono_) {
    float sum = 0;
    for (const float each : frames.first(channels_)) sum += each;
    sample = sum / static_cast<float>(channels_);
    sample = std::isfinite(sample) ? std::clamp(sample, -1.0F, 1.0F) : 0.0F;
    frames = frames.subspan(channels_);
  }
  return resampler_ && !mono_.empty() ? resampler_->process(mono_) : std::span<const float>(mono_);
}

std::span<const float> mono_converter::finish() {
  return resampler_ ? resampler_->process({}) : std::span<const float>();
}

}  // namespace duplex::speech
