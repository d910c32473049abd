// The real engine: Moonshine behind silero's voice activity, over real speech.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <random>
#include <thread>

#include "recordings.hpp"
#include "sound.hpp"
#include "speech/error.hpp"
#include "speech/models.hpp"
#include "speech/request/base64.hpp"
#include "speech/request/handler.hpp"
#include "support/sanitizers.hpp"
#include "transcribe.hpp"
#include "word_error_rate.hpp"

namespace duplex::speech {
namespace {

constexpr std::string_view jfk_text =
    "And so my fellow Americans, ask not what your country can do for you, ask what you can do for "
    "your country.";

std::shared_ptr<const recognizer> tiny() {
  static const auto model = load_recognizer("tiny");
  return model;
}

const std::vector<float>& jfk() {
  static const auto samples = samples_of(read_bytes(data_directory() / "samples/jfk.wav"));
  return samples;
}

std::vector<float> scaled(std::vector<float> samples, float factor) {
  for (float& sample : samples) sample *= factor;
  return samples;
}

std::string text_in(std::span<const float> samples) { return text_of(finals_of(*tiny(), samples)); }

TEST(moonshine, reads_the_sample_without_an_error) {
  const auto events = finals_of(*tiny(), jfk());
  EXPECT_EQ(compare(jfk_text, text_of(events)).errors, 0U) << text_of(events);
  ASSERT_FALSE(events.empty());
  EXPECT_NEAR(events.front().start_ms, 330, 250);
  EXPECT_NEAR(events.back().end_ms, 10'500, 300);
}

TEST(moonshine, text_does_not_depend_on_the_blocks) {
  const auto expected = finals_of(*tiny(), jfk());
  EXPECT_EQ(finals_of(*tiny(), jfk(), 999), expected);
  EXPECT_EQ(finals_of(*tiny(), jfk(), jfk().size()), expected);
}

TEST(moonshine, silence_and_noise_have_no_text) {
  EXPECT_EQ(text_in(std::vector<float>(5 * sample_rate)), "");
  EXPECT_EQ(text_in(tone(5, sample_rate)), "");
  std::mt19937 random(1);
  for (const float loudness : {0.0001F, 0.002F, 0.05F}) {
    std::vector<float> noise(5 * sample_rate);
    for (float& sample : noise) sample = std::normal_distribution<float>(0, loudness)(random);
    EXPECT_EQ(text_in(noise), "") << loudness;
  }
  EXPECT_EQ(text_in({}), "");
  EXPECT_EQ(text_in(std::vector<float>(1)), "");
}

TEST(moonshine, quiet_and_loud_speech_is_read) {
  for (const float factor : {0.03F, 0.2F, 1.5F}) {
    EXPECT_LE(compare(jfk_text, text_in(scaled(jfk(), factor))).errors, 1U) << factor;
  }
}

TEST(moonshine, telephone_stereo_is_read) {
  std::vector<float>
      halved;  // good enough a way to 8 kHz for a test: the sample has little above 4 kHz
  for (std::size_t i = 0; i + 1 < jfk().size(); i += 2)
    halved.push_back((jfk()[i] + jfk()[i + 1]) / 2);
  const auto samples = samples_of(
      audio_file(halved, {.format = 0x010010 /* WAV, mu-law */, .rate = 8000, .channels = 2}));
  EXPECT_NEAR(static_cast<double>(samples.size()), static_cast<double>(jfk().size()), 2);
  EXPECT_LE(compare(jfk_text, text_in(samples)).errors, 2U) << text_in(samples);
}

// Every third recording, up to about so many seconds; all of them together have 595.
std::vector<recording> some(const std::vector<recording>& all, double seconds) {
  std::vector<recording> chosen;
  for (std::size_t i = 0; i < all.size() && seconds > 0; i += 3) {
    chosen.push_back(all[i]);
    seconds -= all[i].seconds;
  }
  return chosen;
}

// One speaker after the other, without the silence around each.
TEST(moonshine, speech_without_a_pause_is_cut_and_read_on) {
  const auto directory = recordings_directory();
  if (!directory) GTEST_SKIP() << "no recordings; point DUPLEX_TEST_SPEECH at them";
  std::vector<float> samples;
  std::string transcript;
  for (const auto& clip : some(recordings(*directory, "en"), test::sanitized ? 25 : 100)) {
    const auto spoken = samples_of(read_bytes(clip.file));
    const auto is_loud = [](float sample) { return std::abs(sample) > 0.02F; };
    const auto begin = std::ranges::find_if(spoken, is_loud);
    const auto end = std::find_if(spoken.rbegin(), spoken.rend(), is_loud).base();
    samples.insert(samples.end(), begin, end);
    transcript += clip.transcript + " ";
  }
  const auto events = finals_of(*tiny(), samples);
  EXPECT_GE(events.size(), samples.size() / (20 * sample_rate));
  std::int64_t last_end = 0;
  for (const auto& event : events) {
    EXPECT_GE(event.start_ms, last_end);
    EXPECT_LE(event.end_ms - event.start_ms, 20'000);
    last_end = event.end_ms;
  }
  const auto errors = compare(transcript, text_of(events));
  std::printf("%.2f %% of %zu words wrong in %zu segments\n", 100 * errors.rate(), errors.words,
              events.size());
  EXPECT_LT(errors.rate(), 0.25);
}

// Of this one the model makes nothing at some beginnings.
TEST(moonshine, a_sentence_is_read_whenever_it_begins) {
  const auto directory = recordings_directory();
  if (!directory) GTEST_SKIP() << "no recordings; point DUPLEX_TEST_SPEECH at them";
  const auto spoken = samples_of(read_bytes(*directory / "en/ls-533-1066-0000.wav"));
  for (std::size_t before = 1600; before < 6400; before += test::sanitized ? 530 : 53) {
    std::vector<float> samples(before);
    samples.insert(samples.end(), spoken.begin(), spoken.end());
    EXPECT_FALSE(text_in(samples).empty()) << before;
  }
}

// Without `suppress_blank` a third of first readings have no word.
TEST(moonshine, the_first_partial_has_a_word) {
  constexpr int chunk = sample_rate / 10;
  for (int from = 0; from < 20; from += test::sanitized ? 5 : 1) {
    auto speech = std::span(jfk()).subspan(static_cast<std::size_t>(from) * sample_rate / 2);
    const auto stream = tiny()->start();
    while (!stream->partial_due(sample_rate)) {
      ASSERT_GE(speech.size(), static_cast<std::size_t>(chunk));
      stream->accept(speech.first(chunk));
      speech = speech.subspan(chunk);
    }
    EXPECT_NE(stream->decode_partial({}).text, "") << from;
  }
}

TEST(moonshine, partials_do_not_lose_all_words) {
  for (std::size_t from = 7 * sample_rate; from < 9 * sample_rate; from += sample_rate / 5) {
    const auto stream = tiny()->start();
    stream->accept(std::vector<float>(sample_rate));
    bool has_text = false;
    for (std::size_t at = from; at < from + 2 * sample_rate; at += sample_rate / 10) {
      stream->accept(std::span(jfk()).subspan(at, sample_rate / 10));
      if (!stream->partial_due(sample_rate / 10)) continue;
      const auto partial = stream->decode_partial({});
      EXPECT_FALSE(has_text && partial.text.empty()) << from << ' ' << at;
      has_text = has_text || !partial.text.empty();
    }
  }
}

TEST(moonshine, reset_forgets_the_stream) {
  const auto stream = tiny()->start(recording_options);
  stream->accept(std::span(jfk()).first(3 * sample_rate));
  stream->reset();
  EXPECT_EQ(stream->settled(), 0);
  stream->accept(jfk());
  stream->finish();
  EXPECT_EQ(stream->decode_final({}), finals_of(*tiny(), jfk()).front());
}

TEST(moonshine, stop_cancels) {
  std::stop_source stop;
  stop.request_stop();
  const auto stream = tiny()->start();
  stream->accept(jfk());
  stream->finish();
  try {
    stream->decode_final(stop.get_token());
    FAIL();
  } catch (const speech_error& error) {
    EXPECT_EQ(error.code(), error_code::cancelled);
  }
}

TEST(moonshine, eight_threads_read_as_one_does) {
  const auto expected = finals_of(*tiny(), jfk());
  std::vector<std::vector<final_transcript>> results(8);
  {
    std::vector<std::jthread> threads;
    for (auto& result : results)
      threads.emplace_back([&result] { result = finals_of(*tiny(), jfk()); });
  }
  for (const auto& result : results) EXPECT_EQ(result, expected);
}

TEST(moonshine, the_request_gives_the_engine_s_own_text) {
  const model_set models({tiny()});
  const std::string file = read_bytes(data_directory() / "samples/jfk.wav");
  std::string message = R"({"audio_base64":")";
  append_base64(message, std::as_bytes(std::span(file)));
  message += "\"}";
  const auto reply =
      nlohmann::json::parse(request_handler(models).respond(buffer(as_bytes(message)), {}));
  EXPECT_EQ(reply["text"], text_in(jfk()));
  EXPECT_EQ(reply["state"], "success");
  EXPECT_EQ(reply["duration_ms"], 11'000);
  EXPECT_EQ(reply["model"], "moonshine-tiny");
}

// Over all recordings, or some of them where a sanitizer makes decoding slow.
void expect_word_error_rate(const std::string& name, double sanitized_seconds, double bound) {
  const auto directory = recordings_directory();
  if (!directory) GTEST_SKIP() << "no recordings; point DUPLEX_TEST_SPEECH at them";
  const auto model = load_recognizer(name);
  auto clips = recordings(*directory, "en");
  if (test::sanitized) clips = some(clips, sanitized_seconds);
  word_errors total;
  for (const auto& [file, transcript, length] : clips) {
    total += compare(transcript, text_of(finals_of(*model, samples_of(read_bytes(file)))));
  }
  std::printf("%s: %.2f %% of %zu words wrong in %zu recordings\n", name.c_str(),
              100 * total.rate(), total.words, clips.size());
  EXPECT_GT(total.words, 0U);
  EXPECT_LT(total.rate(), bound);
}

TEST(moonshine, tiny_gets_at_most_13_words_in_100_wrong) {
  expect_word_error_rate("tiny", 30, test::sanitized ? 0.2 : 0.13);
}

TEST(moonshine, base_gets_at_most_11_words_in_100_wrong) {
  expect_word_error_rate("base", 15, test::sanitized ? 0.2 : 0.11);
}

}  // namespace
}  // namespace duplex::speech
