// Live streams through the real engine: what is promised of them, and what they do to the text.
#include "live.hpp"

#include <gtest/gtest.h>

#include <cstdio>

#include "recordings.hpp"
#include "speech/models.hpp"
#include "support/sanitizers.hpp"
#include "transcribe.hpp"
#include "word_error_rate.hpp"

namespace duplex::speech {
namespace {

using std::chrono::milliseconds;

std::shared_ptr<const recognizer> tiny() {
  static const auto model = load_recognizer("tiny");
  return model;
}

const std::vector<float>& jfk() {
  static const auto samples = samples_of(read_bytes(data_directory() / "samples/jfk.wav"));
  return samples;
}

// `stream_live` itself throws where a promise is broken.
TEST(live, partials_keep_their_promises_and_are_nearly_right) {
  const live_result result = stream_live(*tiny(), jfk(), {.partial_interval = milliseconds(700)});
  EXPECT_GE(result.partials, 8U);
  EXPECT_LE(compare("And so my fellow Americans, ask not what your country can do for you, ask "
                    "what you can do for your country.",
                    text_of(result.finals))
                .errors,
            1U);
  EXPECT_LT(result.unstable, 10 * result.partials);
}

TEST(live, finals_do_not_depend_on_the_chunks) {
  const auto finals = [](milliseconds chunk) {
    return stream_live(*tiny(), jfk(), {.chunk = chunk, .partial_interval = milliseconds(0)})
        .finals;
  };
  const auto expected = finals(milliseconds(100));
  EXPECT_EQ(finals(milliseconds(7)), expected);
  EXPECT_EQ(finals(milliseconds(11'000)), expected);
}

TEST(live, a_stream_gets_no_more_words_wrong_than_its_recording) {
  if (test::sanitized) GTEST_SKIP() << "decoding is slow under sanitizers";
  const auto directory = recordings_directory();
  if (!directory) GTEST_SKIP() << "no recordings; point DUPLEX_TEST_SPEECH at them";
  word_errors whole;
  word_errors live;
  const auto clips = recordings(*directory, "en");
  for (std::size_t i = 0; i < clips.size(); i += 3) {
    const auto samples = samples_of(read_bytes(clips[i].file));
    whole += compare(clips[i].transcript, text_of(finals_of(*tiny(), samples)));
    live += compare(clips[i].transcript, text_of(stream_live(*tiny(), samples).finals));
  }
  std::printf("whole %.2f %%, live %.2f %% of %zu words wrong\n", 100 * whole.rate(),
              100 * live.rate(), whole.words);
  EXPECT_LE(live.rate(), whole.rate() + 0.005);
}

}  // namespace
}  // namespace duplex::speech
