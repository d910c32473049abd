// Prints a model's word error rate and speed over the recordings: speech_wer [MODEL [LANGUAGE]].
#include <chrono>
#include <cstdio>
#include <exception>
#include <map>

#include "recordings.hpp"
#include "speech/models.hpp"
#include "transcribe.hpp"
#include "word_error_rate.hpp"

using namespace duplex::speech;

int main(int argc, char** argv) try {
  const std::string name = argc > 1 ? argv[1] : "tiny";
  const std::string language = argc > 2 ? argv[2] : "en";
  const auto directory = recordings_directory();
  if (!directory) throw std::runtime_error("no recordings; set DUPLEX_TEST_SPEECH");
  const auto model = load_recognizer(name);

  std::map<std::string, word_errors> sets;  // by the first part of the file's name
  double audio_seconds = 0;
  const auto started = std::chrono::steady_clock::now();
  for (const auto& [file, transcript, seconds] : recordings(*directory, language)) {
    const std::string text = text_of(finals_of(*model, samples_of(read_bytes(file))));
    const word_errors errors = compare(transcript, text);
    const std::string clip = file.filename().string();
    std::printf("%5.1f %%  %s\n          %s\n          %s\n", 100 * errors.rate(), clip.c_str(),
                transcript.c_str(), text.c_str());
    sets[clip.substr(0, clip.find_first_of("-."))] += errors;
    sets["all"] += errors;
    audio_seconds += seconds;
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - started;
  for (const auto& [set, errors] : sets) {
    std::printf("%-10s %5.2f %% of %zu words\n", set.c_str(), 100 * errors.rate(), errors.words);
  }
  std::printf("%.1f s of audio in %.1f s: real-time factor %.3f\n", audio_seconds, took.count(),
              took.count() / audio_seconds);
} catch (const std::exception& error) {
  std::fprintf(stderr, "speech_wer: %s\n", error.what());
  return 1;
}
