#include "conversation.hpp"

#include <sndfile.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

namespace {

namespace fs = std::filesystem;

recorded read(const fs::path& file) {
  SF_INFO info = {};
  const std::unique_ptr<SNDFILE, decltype(&sf_close)> in(sf_open(file.c_str(), SFM_READ, &info),
                                                         &sf_close);
  if (!in || info.samplerate != 1000 * samples_per_ms || info.channels != 1)
    throw std::runtime_error(file.string() + " is not 16 kHz mono audio");
  recorded samples(static_cast<std::size_t>(info.frames));
  const auto count = sf_read_short(in.get(), samples.data(), info.frames);
  samples.resize(static_cast<std::size_t>(std::max<sf_count_t>(count, 0)));
  return samples;
}

// Nothing below 80 Hz, where no one speaks and microphones thump: a filter of one pole, twice.
std::vector<double> without_rumble(std::span<const std::int16_t> samples) {
  constexpr double kept = 0.97;
  std::vector<double> filtered(samples.begin(), samples.end());
  for (int pass = 0; pass < 2; ++pass) {
    double before = 0, out = 0;
    for (double& sample : filtered) {
      out = kept * (out + sample - std::exchange(before, sample));
      sample = out;
    }
  }
  return filtered;
}

// Where 20 ms are louder than a tenth of the loudest 20 ms: the first and the end of the last.
conversation::utterance speech_in(std::span<const std::int16_t> recording) {
  constexpr std::int64_t frame_ms = 20;
  constexpr auto frame = static_cast<std::size_t>(frame_ms * samples_per_ms);
  const auto heard = without_rumble(recording);
  std::vector<double> loudness;
  for (auto rest = std::span(heard); rest.size() >= frame; rest = rest.subspan(frame)) {
    double sum = 0;
    for (const double sample : rest.first(frame)) sum += sample * sample;
    loudness.push_back(std::sqrt(sum));
  }
  const double enough = 0.1 * *std::ranges::max_element(loudness);
  const auto is_loud = [enough](double it) { return it >= enough; };
  const auto first = std::find_if(loudness.begin(), loudness.end(), is_loud) - loudness.begin();
  const auto last = loudness.rend() - std::find_if(loudness.rbegin(), loudness.rend(), is_loud);
  return {first * frame_ms, last * frame_ms};
}

}  // namespace

std::vector<recorded> read_recordings(const fs::path& directory) {
  std::vector<fs::path> files;
  for (const auto& each : fs::recursive_directory_iterator(directory))
    if (each.path().extension() == ".wav") files.push_back(each.path());
  std::ranges::sort(files);
  std::vector<recorded> recordings;
  for (const auto& file : files) {
    auto samples = read(file);
    if (samples.size() >= 1000 * samples_per_ms) recordings.push_back(std::move(samples));
  }
  if (recordings.empty()) throw std::runtime_error("no recordings in " + directory.string());
  return recordings;
}

conversation::conversation(std::span<const recorded> recordings, std::size_t first,
                           std::chrono::milliseconds length, std::chrono::milliseconds pause)
    : pause_ms_(pause.count()) {
  const auto wanted = static_cast<std::size_t>(length.count() * samples_per_ms);
  for (auto i = first; samples_.size() < wanted; ++i) {
    if (!samples_.empty())
      samples_.resize(samples_.size() + static_cast<std::size_t>(pause_ms_ * samples_per_ms));
    const auto& each = recordings[i % recordings.size()];
    const auto at = static_cast<std::int64_t>(samples_.size()) / samples_per_ms;
    const auto [onset, end] = speech_in(each);
    utterances_.push_back({at + onset, at + end});
    samples_.insert(samples_.end(), each.begin(), each.end());
  }
}

std::size_t conversation::utterance_at(std::int64_t ms) const {
  const auto later =
      std::ranges::upper_bound(utterances_, ms + pause_ms_ / 2, {}, &utterance::onset_ms);
  return later == utterances_.begin() ? 0
                                      : static_cast<std::size_t>(later - utterances_.begin()) - 1;
}
