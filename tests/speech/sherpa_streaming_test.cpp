// Models that sherpa-onnx reads as speech comes: toys of each family, run by the real library over
// real speech, keep every promise of a recognition.
#include <gtest/gtest.h>

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <ostream>
#include <thread>

#include "live.hpp"
#include "recordings.hpp"
#include "sound.hpp"
#include "speech/error.hpp"
#include "speech/models.hpp"
#include "speech/recognizers/sherpa.hpp"
#include "toy_sherpa.hpp"
#include "transcribe.hpp"

namespace duplex::speech {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;

struct family {
  const char* name;
  void (*put)(const fs::path& directory);
};

void PrintTo(const family& it, std::ostream* out) { *out << it.name; }

// Words, Chinese and parts of words, as models of both languages have them.
const std::vector<std::string> mixed_tokens{
    "\u2581one", "\u4f60", "\u2581two", "ty", "\u597d", "\u2581", "\u2581\u5417", "\uff0c", "s"};

class sherpa_streaming : public testing::TestWithParam<family> {
 protected:
  void SetUp() override {
    fs::create_directories(directory_);
    GetParam().put(directory_);
    put_toy_tokens(directory_, mixed_tokens);
  }
  void TearDown() override { fs::remove_all(directory_); }

  std::shared_ptr<const recognizer> load() const { return load_recognizer(directory_.string()); }

  std::unique_ptr<const sherpa_model> load_model() const {
    load();  // and with it ONNX Runtime
    return std::make_unique<const sherpa_model>(
        directory_, data_directory() / "onnxruntime/lib/libsherpa-onnx-c-api.so");
  }

  fs::path directory_ =
      fs::path(testing::TempDir()) / ("duplex-sherpa-streaming-" + std::to_string(::getpid()));
};

const std::vector<float>& jfk() {
  static const auto samples = samples_of(read_bytes(data_directory() / "samples/jfk.wav"));
  return samples;
}

std::vector<float> joined(std::vector<float> first, const std::vector<float>& second) {
  first.insert(first.end(), second.begin(), second.end());
  return first;
}

// `stream_live` throws where a promise is broken.
TEST_P(sherpa_streaming, finals_do_not_depend_on_chunks_or_partials) {
  const auto model = load();
  for (const auto longest : {milliseconds(20'000), milliseconds(2'000)}) {
    const auto finals = [&](milliseconds chunk, milliseconds interval) {
      const auto result = stream_live(
          *model, jfk(),
          {.chunk = chunk, .partial_interval = interval, .stream = {.longest = longest}});
      if (interval.count() > 0) {
        EXPECT_GE(result.partials, 5U);
      }
      return result.finals;
    };
    const auto expected = finals(milliseconds(100), milliseconds(0));
    ASSERT_FALSE(expected.empty());
    EXPECT_GT(text_of(expected).size(), 100U);
    EXPECT_EQ(finals(milliseconds(7), milliseconds(0)), expected);
    EXPECT_EQ(finals(milliseconds(7), milliseconds(7)), expected);
    EXPECT_EQ(finals(milliseconds(100), milliseconds(100)), expected);
    EXPECT_EQ(finals(milliseconds(333), milliseconds(700)), expected);
    EXPECT_EQ(finals(milliseconds(11'000), milliseconds(0)), expected);
  }
}

// They cost no more in a long segment than in a short one.
TEST_P(sherpa_streaming, partials_of_a_long_segment_come_as_often) {
  const auto model = load();
  const auto stream = model->start({.silence = milliseconds(5'000)});
  int partials = 0;
  for (std::size_t i = 0; i < 80; ++i) {  // 8 s, without an end
    stream->accept(std::span(jfk()).subspan(i * 1600, 1600));
    if (!stream->partial_due(3200)) continue;
    EXPECT_EQ(stream->decode_partial({}).segment, 0);
    ++partials;
  }
  EXPECT_GT(partials, 25);  // 18, if each waited for a sixth of the segment
}

// Most of a partial is stable, in whatever script.
TEST_P(sherpa_streaming, all_but_the_last_word_is_stable) {
  const auto model = load();
  const auto stream = model->start();
  stream->accept(std::span(jfk()).first(3 * sample_rate));
  ASSERT_TRUE(stream->partial_due(sample_rate));
  const auto partial = stream->decode_partial({});
  ASSERT_GT(partial.text.size(), 20U);
  EXPECT_GT(partial.stable, partial.text.size() - 20) << partial.text;
  EXPECT_LT(partial.stable, partial.text.size());
}

// What was given is not looked at again.
TEST_P(sherpa_streaming, only_what_is_new_is_read) {
  const auto model = load_model();
  const auto reader = model->start();
  const std::size_t half = jfk().size() / 2;
  reader->read(std::span(jfk()).first(half), half, {});
  auto changed = jfk();
  std::fill_n(changed.begin(), half, 0.0F);
  EXPECT_EQ(reader->read_whole(changed, {}), model->start()->read_whole(jfk(), {}));
}

TEST_P(sherpa_streaming, what_may_be_cut_off_is_not_read_yet) {
  const auto model = load_model();
  const auto sound = std::span(jfk()).first(4 * sample_rate);
  const auto certain = sound.first(2 * sample_rate);
  EXPECT_EQ(model->start()->read(sound, certain.size(), {}).text,
            model->start()->read(certain, certain.size(), {}).text);
}

// As if silence went on for ever: no sound at the end waits for a chunk to be full.
TEST_P(sherpa_streaming, nothing_is_lost_at_the_end) {
  const auto model = load_model();
  for (int i = 0; i < 61; ++i) {
    const auto sound = std::span(jfk()).first(2 * sample_rate + static_cast<std::size_t>(i) * 160);
    const std::vector<float> whole(sound.begin(), sound.end());
    const auto text = model->start()->read_whole(whole, {});
    EXPECT_EQ(text, model->start()->read_whole(joined(whole, std::vector<float>(48'000)), {})) << i;
  }
}

TEST_P(sherpa_streaming, a_tone_is_one_token_whether_loud_or_quiet) {
  put_toy_tokens(directory_, {"a", "b", "c", "d", "e", "f", "g", "h", "i"});
  const auto model = load_model();
  for (const float factor : {1.0F, 0.01F}) {
    auto sound = tone(1, sample_rate, 430);
    for (float& sample : sound) sample *= factor;
    auto text = model->start()->read_whole(sound, {});
    std::erase(text, ' ');
    EXPECT_GE(std::ranges::count(text, 'd'), 1) << text;
    EXPECT_LE(std::ranges::count_if(text, [](char c) { return c != 'd'; }), 2) << text;
  }
}

TEST_P(sherpa_streaming, reset_forgets_the_stream) {
  const auto model = load();
  const auto stream = model->start(recording_options);
  stream->accept(std::span(jfk()).first(3 * sample_rate));
  stream->decode_partial({});
  stream->reset();
  EXPECT_EQ(stream->settled(), 0);
  stream->accept(jfk());
  stream->finish();
  EXPECT_EQ(stream->decode_final({}), finals_of(*model, jfk()).front());
}

TEST_P(sherpa_streaming, flush_ends_the_segment_with_all_that_was_said) {
  const auto model = load();
  const auto stream = model->start();
  stream->accept(std::span(jfk()).first(2 * sample_rate));
  const auto partial = stream->decode_partial({});
  stream->flush();
  const auto flushed = stream->decode_final({});
  EXPECT_EQ(flushed.reason, end_reason::flush);
  EXPECT_TRUE(flushed.text.starts_with(partial.text.substr(0, partial.stable)));
  EXPECT_GT(flushed.text.size(), partial.stable);
}

TEST_P(sherpa_streaming, stop_cancels_partials_and_finals) {
  std::stop_source stop;
  stop.request_stop();
  const auto model = load_model();
  const auto code = [](const auto& call) {
    try {
      call();
    } catch (const speech_error& error) {
      return error.code();
    }
    return error_code::internal;
  };
  EXPECT_EQ(code([&] { model->start()->read(jfk(), jfk().size(), stop.get_token()); }),
            error_code::cancelled);
  EXPECT_EQ(code([&] { model->start()->read_whole(jfk(), stop.get_token()); }),
            error_code::cancelled);
}

TEST_P(sherpa_streaming, eight_streams_at_once_read_as_one_does) {
  const auto model = load();
  const live_options options{.partial_interval = milliseconds(300)};
  const auto expected = stream_live(*model, jfk(), options).finals;
  std::vector<std::vector<final_transcript>> results(8);
  {
    std::vector<std::jthread> threads;
    for (auto& result : results)
      threads.emplace_back([&] { result = stream_live(*model, jfk(), options).finals; });
  }
  for (const auto& result : results) EXPECT_EQ(result, expected);
}

TEST_P(sherpa_streaming, a_model_that_fails_is_told_and_the_next_stream_works) {
  put_toy_tokens(directory_, {"a"});  // the model reads nine
  const auto model = load();
  for (int i = 0; i < 2; ++i) {
    try {
      finals_of(*model, jfk());
      FAIL();
    } catch (const speech_error& error) {
      EXPECT_EQ(error.code(), error_code::engine_failed);
    }
  }
}

TEST_P(sherpa_streaming, recordings_in_chinese_keep_the_promises) {
  const auto directory = recordings_directory();
  if (!directory) GTEST_SKIP() << "no recordings; point DUPLEX_TEST_SPEECH at them";
  const auto model = load();
  std::size_t partials = 0;
  for (const auto& clip : recordings(*directory, "zh")) {
    const auto samples = samples_of(read_bytes(clip.file));
    partials += stream_live(*model, samples, {.partial_interval = milliseconds(160)}).partials;
  }
  EXPECT_GT(partials, 50U);
}

INSTANTIATE_TEST_SUITE_P(families, sherpa_streaming,
                         testing::Values(family{"transducer", put_toy_transducer},
                                         family{"paraformer", put_toy_paraformer},
                                         family{"zipformer_ctc", put_toy_zipformer_ctc}),
                         [](const auto& test) { return std::string(test.param.name); });

// Characters come byte by byte, as in models with tokens of bytes: a U+4F60 is two or three tokens.
TEST(sherpa_streaming_bytes, unfinished_characters_are_not_stable) {
  const fs::path directory =
      fs::path(testing::TempDir()) / ("duplex-sherpa-bytes-" + std::to_string(::getpid()));
  fs::create_directories(directory);
  put_toy_transducer(directory);
  put_toy_tokens(directory, {"\u018b", "\u0163", "\u0145", "a", "\u2581b", "\u2581\u018b", "\u01a6",
                             "\u018b\u0163", "\u0163\u0145"});
  const auto result = stream_live(*load_recognizer(directory.string()), jfk(),
                                  {.partial_interval = milliseconds(40)});
  EXPECT_GT(result.partials, 50U);
  EXPECT_NE(text_of(result.finals).find("\u4f60"), std::string::npos) << text_of(result.finals);
  fs::remove_all(directory);
}

}  // namespace
}  // namespace duplex::speech
