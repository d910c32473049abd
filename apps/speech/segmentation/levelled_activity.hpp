// Lets a voice-activity detector hear quiet recordings as it hears loud ones.
#pragma once

#include <memory>

#include "speech/segmentation/voice_activity.hpp"

namespace duplex::speech {

/// Detectors miss words in speech that is 15 dB quieter than what they were trained on. This one
/// raises each window towards a peak of 0.5, by up to 30 dB, before it asks `inner`. The gain
/// follows the loudest sound at once and forgets it slowly (half in 30 s), so that pauses stay
/// quiet.
class levelled_activity : public voice_activity {
 public:
  explicit levelled_activity(std::unique_ptr<voice_activity> inner);

  float probability(std::span<const float, vad_window> window) override;
  void reset() override;

 private:
  std::unique_ptr<voice_activity> inner_;
  float peak_ = 0;
};

/// The factor that raises samples of that peak to a peak of 0.5, at least 1 and at most `highest`.
float gain_for(float peak, float highest);

/// The largest magnitude.
float peak_of(std::span<const float> samples);

}  // namespace duplex::speech
