// Prints what streaming does to the text and costs: speech_live [MODEL [INTERVAL_MS [LANGUAGE]]].
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <exception>
#include <stdexcept>
#include <string>

#include "live.hpp"
#include "recordings.hpp"
#include "speech/models.hpp"
#include "transcribe.hpp"
#include "word_error_rate.hpp"

using namespace duplex::speech;

namespace {

void print(const char* what, const live_result& it, const word_errors& errors) {
  const auto a_word = [&](std::size_t count) {
    return static_cast<double>(count) / static_cast<double>(std::max<std::size_t>(it.words, 1));
  };
  std::printf(
      "%-10s %5.2f %% of %zu words wrong in %zu finals; %.2f words of partials taken back "
      "for each word; %zu partials with %.1f unstable words\n",
      what, 100 * errors.rate(), errors.words, it.finals.size(), a_word(it.erased), it.partials,
      static_cast<double>(it.unstable) /
          static_cast<double>(std::max<std::size_t>(it.partials, 1)));
  std::printf(
      "           %.3f core: listening %.3f, partials %.3f, finals %.3f; slowest partial "
      "%.0f ms; %.0f s of audio\n",
      (it.listening + it.partial_decoding + it.final_decoding) / it.seconds,
      it.listening / it.seconds, it.partial_decoding / it.seconds, it.final_decoding / it.seconds,
      1000 * it.slowest_partial, it.seconds);
}

}  // namespace

int main(int argc, char** argv) try {
  const auto model = load_recognizer(argc > 1 ? argv[1] : "tiny");
  live_options options;
  if (argc > 2) options.partial_interval = std::chrono::milliseconds(std::stoi(argv[2]));
  const std::string language = argc > 3 ? argv[3] : "en";
  const auto directory = recordings_directory();
  if (!directory) throw std::runtime_error("no recordings; set DUPLEX_TEST_SPEECH");

  live_result apart;
  word_errors apart_errors;
  std::vector<float> joined;  // one speaker after the other, without the silence around each
  std::string transcript;
  for (const auto& clip : recordings(*directory, language)) {
    const auto samples = samples_of(read_bytes(clip.file));
    const live_result it = stream_live(*model, samples, options);
    apart_errors += compare(clip.transcript, text_of(it.finals));
    apart += it;
    const auto is_loud = [](float sample) { return std::abs(sample) > 0.02F; };
    const auto begin = std::ranges::find_if(samples, is_loud);
    const auto end = std::find_if(samples.rbegin(), samples.rend(), is_loud).base();
    joined.insert(joined.end(), begin, end);
    transcript += clip.transcript + " ";
  }
  print("each", apart, apart_errors);
  const live_result it = stream_live(*model, joined, options);
  print("one stream", it, compare(transcript, text_of(it.finals)));
} catch (const std::exception& error) {
  std::fprintf(stderr, "speech_live: %s\n", error.what());
  return 1;
}
