#include "speech/segmentation/levelled_activity.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

namespace duplex::speech {
namespace {

constexpr float target_peak = 0.5F;
constexpr float highest_gain = 30;            // about 30 dB
constexpr float kept_each_window = 0.99926F;  // half after 30 s of 32 ms each

}  // namespace

float gain_for(float peak, float highest) {
  return peak * highest < target_peak ? highest : std::max(1.0F, target_peak / peak);
}

float peak_of(std::span<const float> samples) {
  float peak = 0;
  for (const float sample : samples) peak = std::max(peak, std::abs(sample));
  return peak;
}

levelled_activity::levelled_activity(std::unique_ptr<voice_activity> inner)
    : inner_(std::move(inner)) {}

float levelled_activity::probability(std::span<const float, vad_window> window) {
  peak_ = std::max(peak_of(window), peak_ * kept_each_window);
  const float gain = gain_for(peak_, highest_gain);
  std::array<float, vad_window> levelled;
  std::ranges::transform(window, levelled.begin(), [gain](float sample) { return sample * gain; });
  return inner_->probability(levelled);
}

void levelled_activity::reset() {
  inner_->reset();
  peak_ = 0;
}

}  // namespace duplex::speech
