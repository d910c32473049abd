#include "speech/audio/pcm_decoder.hpp"

#include <gtest/gtest.h>
#include <sndfile.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "sound.hpp"
#include "speech/error.hpp"
#include "transcribe.hpp"

namespace duplex::speech {
namespace {

constexpr int wav_16 = SF_FORMAT_WAV | SF_FORMAT_PCM_16;
constexpr pcm_format automatic{.encoding = pcm_encoding::automatic};

std::vector<float> decoded(const std::string& bytes, const pcm_format& format,
                           std::size_t piece = std::string::npos) {
  pcm_decoder decoder(format);
  std::vector<float> samples;
  for (std::size_t at = 0; at < bytes.size(); at += std::min(piece, bytes.size() - at)) {
    const auto part = bytes.substr(at, piece);
    const auto made = decoder.decode(std::as_bytes(std::span(part)));
    samples.insert(samples.end(), made.begin(), made.end());
  }
  const auto rest = decoder.finish();
  samples.insert(samples.end(), rest.begin(), rest.end());
  return samples;
}

struct refusal {
  error_code code;
  std::string message;
};

refusal refused(const std::string& bytes, const pcm_format& format = automatic) {
  try {
    decoded(bytes, format);
  } catch (const speech_error& error) {
    return {error.code(), error.what()};
  }
  ADD_FAILURE() << "not refused";
  return {};
}

std::size_t data_at(const std::string& wav) { return wav.find("data") + 8; }

// What libsndfile writes after the header: raw audio of that encoding.
std::string raw(const std::vector<float>& samples, int encoding, int rate = 16'000,
                int channels = 1) {
  const auto file = audio_file(samples, {SF_FORMAT_WAV | encoding, rate, channels});
  std::uint32_t size = 0;
  std::memcpy(&size, file.data() + data_at(file) - 4, 4);
  return file.substr(data_at(file), size);
}

void put_32(std::string& bytes, std::size_t at, std::uint32_t value) {
  std::memcpy(bytes.data() + at, &value, 4);
}

// As a program writes it that does not know how much will follow.
std::string with_sizes(std::string wav, std::uint32_t riff, std::uint32_t data) {
  put_32(wav, 4, riff);
  put_32(wav, data_at(wav) - 4, data);
  return wav;
}

struct named_encoding {
  const char* name;
  pcm_encoding encoding;
  int format;
};

class every_encoding : public testing::TestWithParam<named_encoding> {};

TEST_P(every_encoding, gives_the_samples_that_libsndfile_gives) {
  const auto [name, encoding, format] = GetParam();
  std::string every_byte;
  for (int i = 0; i < 4096; ++i) {
    // Each code of one byte, and each byte of a longer sample; no float that is no number.
    every_byte.push_back(
        static_cast<char>(encoding == pcm_encoding::f32le && i % 4 == 3 ? 0x3E : i * 7));
  }
  auto file = audio_file(tone(4096.0 / 16'000, 16'000), {SF_FORMAT_WAV | format});
  file.resize(data_at(file) + 4096);
  file.replace(data_at(file), 4096, every_byte);
  put_32(file, data_at(file) - 4, 4096);
  EXPECT_EQ(decoded(every_byte, {.encoding = encoding}), samples_of(file));
}

TEST_P(every_encoding, is_resampled_and_mixed_as_a_file_is) {
  const auto [name, encoding, format] = GetParam();
  for (const int rate : {8000, 11025, 44100, 48000, 192000}) {
    for (const int channels : {1, 2, 8}) {
      const auto sound = tone(0.5, rate);
      const auto file = audio_file(sound, {SF_FORMAT_WAV | format, rate, channels});
      const auto expected = samples_of(file);
      const auto samples = decoded(raw(sound, format, rate, channels), {encoding, rate, channels});
      ASSERT_EQ(samples.size(), expected.size()) << rate << ' ' << channels;
      for (std::size_t i = 0; i < samples.size(); ++i) ASSERT_NEAR(samples[i], expected[i], 1e-6);
    }
  }
}

TEST_P(every_encoding, gives_the_same_wherever_the_bytes_are_cut) {
  const auto [name, encoding, format] = GetParam();
  std::mt19937 chance(7);
  for (const auto& [rate, channels] : {std::pair(16'000, 1), {16'000, 3}, {44'100, 2}}) {
    const auto bytes = raw(tone(0.2, rate), format, rate, channels);
    const auto whole = decoded(bytes, {encoding, rate, channels});
    for (std::size_t piece : {1, 2, 3, 5, 7, 641, 4096}) {
      ASSERT_EQ(decoded(bytes, {encoding, rate, channels}, piece), whole) << piece;
    }
    for (int run = 0; run < 20; ++run) {
      pcm_decoder decoder({encoding, rate, channels});
      std::vector<float> samples;
      auto rest = std::as_bytes(std::span(bytes));
      while (!rest.empty()) {
        const auto part = rest.first(std::min<std::size_t>(rest.size(), chance() % 900));
        const auto made = decoder.decode(part);
        samples.insert(samples.end(), made.begin(), made.end());
        rest = rest.subspan(part.size());
      }
      const auto made = decoder.finish();
      samples.insert(samples.end(), made.begin(), made.end());
      ASSERT_EQ(samples, whole) << run;
    }
  }
}

TEST_P(every_encoding, drops_a_frame_that_is_not_whole) {
  const auto [name, encoding, format] = GetParam();
  const auto bytes = raw({0.5F, -0.25F}, format, 16'000, 2);
  const auto whole = decoded(bytes, {encoding, 16'000, 2});
  ASSERT_EQ(whole.size(), 2U);
  EXPECT_NEAR(whole[0], 0.5, 0.02);
  EXPECT_EQ(decoded(bytes + "x", {encoding, 16'000, 2}), whole);
  EXPECT_EQ(decoded(bytes.substr(0, bytes.size() - 1), {encoding, 16'000, 2}),
            std::vector<float>(whole.begin(), whole.begin() + 1));
}

TEST_P(every_encoding, has_a_name_that_is_read_back) {
  EXPECT_EQ(to_string(GetParam().encoding), GetParam().name);
  EXPECT_EQ(parse_pcm_encoding(GetParam().name), GetParam().encoding);
}

INSTANTIATE_TEST_SUITE_P(
    pcm_decoder, every_encoding,
    testing::Values(named_encoding{"pcm_s16le", pcm_encoding::s16le, SF_FORMAT_PCM_16},
                    named_encoding{"pcm_f32le", pcm_encoding::f32le, SF_FORMAT_FLOAT},
                    named_encoding{"pcm_mulaw", pcm_encoding::mulaw, SF_FORMAT_ULAW},
                    named_encoding{"pcm_alaw", pcm_encoding::alaw, SF_FORMAT_ALAW}),
    [](const auto& it) { return std::string(it.param.name); });

TEST(pcm_decoder, known_values_of_each_encoding) {
  using namespace std::string_literals;
  const auto floats = [](std::vector<float> values) { return values; };
  EXPECT_EQ(decoded("\0\0\0\x40\0\x80\xFF\x7F"s, {}), floats({0, 0.5F, -1, 32767 / 32768.0F}));
  EXPECT_EQ(decoded("\0\0\0\x3F\0\0\x80\xBF"s, {.encoding = pcm_encoding::f32le}),
            floats({0.5F, -1}));
  // G.711: silence, and the largest of either sign.
  EXPECT_EQ(decoded("\xFF\x7F\x80\x00"s, {.encoding = pcm_encoding::mulaw}),
            floats({0, 0, 32124 / 32768.0F, -32124 / 32768.0F}));
  EXPECT_EQ(decoded("\xD5\x55\xAA\x2A"s, {.encoding = pcm_encoding::alaw}),
            floats({8 / 32768.0F, -8 / 32768.0F, 32256 / 32768.0F, -32256 / 32768.0F}));
}

TEST(pcm_decoder, not_a_number_is_silence_and_too_loud_is_clipped) {
  constexpr float infinity = std::numeric_limits<float>::infinity();
  const float values[] = {std::nanf(""), infinity, -infinity, 7, -7, 0.5F};
  const std::string bytes(reinterpret_cast<const char*>(values), sizeof values);
  EXPECT_EQ(decoded(bytes, {.encoding = pcm_encoding::f32le}),
            (std::vector<float>{0, 0, 0, 1, -1, 0.5F}));
}

TEST(pcm_decoder, nothing_is_no_samples) {
  EXPECT_TRUE(decoded("", {}).empty());
  EXPECT_TRUE(decoded("", {.rate = 8000}).empty());
  EXPECT_TRUE(decoded("", automatic).empty());
}

TEST(pcm_decoder, runs_no_more_than_an_eighth_of_a_second_behind) {
  for (const int rate : {8000, 11025, 22050, 44100, 48000, 96000}) {
    pcm_decoder decoder({.rate = rate});
    const std::string bytes(static_cast<std::size_t>(2 * rate), '\0');  // a second
    std::size_t made = 0;
    for (int i = 0; i < 5; ++i) made += decoder.decode(std::as_bytes(std::span(bytes))).size();
    EXPECT_GE(made, 5 * sample_rate - sample_rate / 8) << rate;
  }
}

TEST(pcm_decoder, values_out_of_range_are_refused_by_name) {
  for (const int rate : {-1, 0, 7999, 192'001}) {
    const auto [code, message] = refused("", {.rate = rate});
    EXPECT_EQ(code, error_code::unsupported_format);
    EXPECT_EQ(message, "sample rate " + std::to_string(rate) + " Hz is outside 8000 to 192000 Hz");
  }
  for (const int channels : {-1, 0, 9}) {
    const auto [code, message] = refused("", {.channels = channels});
    EXPECT_EQ(code, error_code::unsupported_format);
    EXPECT_EQ(message, "number of channels " + std::to_string(channels) + " is outside 1 to 8");
  }
  try {
    parse_pcm_encoding("opus");
    FAIL() << "not refused";
  } catch (const speech_error& error) {
    EXPECT_EQ(error.code(), error_code::unsupported_format);
    EXPECT_STREQ(error.what(),
                 "format \"opus\" is none of auto, pcm_s16le, pcm_f32le, pcm_mulaw, pcm_alaw");
  }
}

struct named_wav {
  const char* name;
  file_kind kind;
};

class every_wav : public testing::TestWithParam<named_wav> {};

TEST_P(every_wav, is_recognised_wherever_it_is_cut) {
  const auto& kind = GetParam().kind;
  const auto file = audio_file(tone(0.05, kind.rate), kind);
  const auto expected = samples_of(file);
  ASSERT_GT(expected.size(), 700U);
  for (const std::size_t piece : {1, 2, 3, 7, 13, 43, 45, 100'000}) {
    // What is declared is not asked.
    const auto samples = decoded(file, {pcm_encoding::automatic, 8000, 5}, piece);
    ASSERT_EQ(samples.size(), expected.size()) << piece;
    for (std::size_t i = 0; i < samples.size(); ++i) {
      ASSERT_NEAR(samples[i], expected[i], 1e-6) << piece;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    pcm_decoder, every_wav,
    testing::Values(named_wav{"u8", {SF_FORMAT_WAV | SF_FORMAT_PCM_U8}}, named_wav{"s16", {wav_16}},
                    named_wav{"s24", {SF_FORMAT_WAV | SF_FORMAT_PCM_24}},
                    named_wav{"s32", {SF_FORMAT_WAV | SF_FORMAT_PCM_32}},
                    named_wav{"float", {SF_FORMAT_WAV | SF_FORMAT_FLOAT}},
                    named_wav{"double", {SF_FORMAT_WAV | SF_FORMAT_DOUBLE}},
                    named_wav{"mulaw", {SF_FORMAT_WAV | SF_FORMAT_ULAW, 8000}},
                    named_wav{"alaw", {SF_FORMAT_WAV | SF_FORMAT_ALAW, 8000}},
                    named_wav{"extensible_s16", {SF_FORMAT_WAVEX | SF_FORMAT_PCM_16, 48000, 6}},
                    named_wav{"extensible_s24", {SF_FORMAT_WAVEX | SF_FORMAT_PCM_24, 16000, 2}},
                    named_wav{"extensible_float", {SF_FORMAT_WAVEX | SF_FORMAT_FLOAT, 22050, 1}},
                    named_wav{"extensible_mulaw", {SF_FORMAT_WAVEX | SF_FORMAT_ULAW, 8000, 2}},
                    named_wav{"stereo_44100", {wav_16, 44100, 2}}),
    [](const auto& it) { return it.param.name; });

TEST(pcm_decoder, stream_without_wav_header_is_s16le_as_declared) {
  const auto sound = tone(0.1, 8000);
  const auto bytes = raw(sound, SF_FORMAT_PCM_16, 8000, 2);
  for (const std::size_t piece : {1, 5, 11, 12, 13, 10'000}) {
    EXPECT_EQ(decoded(bytes, {pcm_encoding::automatic, 8000, 2}, piece),
              decoded(bytes, {pcm_encoding::s16le, 8000, 2}))
        << piece;
  }
}

TEST(pcm_decoder, stream_too_short_for_a_header_is_s16le) {
  for (std::size_t size = 0; size < 12; ++size) {
    const auto bytes = raw(tone(0.1, 8000), SF_FORMAT_PCM_16).substr(0, size);
    EXPECT_EQ(decoded(bytes, automatic), decoded(bytes, {})) << size;
    EXPECT_EQ(decoded(bytes, {pcm_encoding::automatic, 8000}), decoded(bytes, {.rate = 8000}))
        << size;
  }
}

TEST(pcm_decoder, wav_that_leaves_its_size_open_goes_on_to_the_end) {
  const auto file = wav_file(tone(0.5, 16'000));
  const auto samples = samples_of(file);
  for (const auto& [riff, data] : {std::pair(0xFFFFFFFFU, 0xFFFFFFFFU),
                                   {0U, 0U},
                                   {36U, 0U},
                                   {0xFFFFFFFFU, 0U},
                                   {0x7FFFFFFFU, 0x7FFFFFFFU - 36},
                                   {0x80000024U, 0x80000000U}}) {
    const auto open = with_sizes(file, riff, data);
    EXPECT_EQ(decoded(open, automatic), samples) << riff << ' ' << data;
    EXPECT_EQ(samples_of(open), samples) << riff << ' ' << data;
  }
}

TEST(pcm_decoder, wav_ends_where_it_says) {
  const auto file = wav_file(tone(0.5, 16'000));
  const std::string after("LIST\x04\0\0\0abcd", 12);
  const auto longer = with_sizes(file + after, static_cast<std::uint32_t>(file.size() + 4), 16'000);
  for (const std::size_t piece : {1, 16'044, 16'045, 100'000}) {
    EXPECT_EQ(decoded(longer, automatic, piece), samples_of(file)) << piece;
  }
  const auto none = with_sizes(file, static_cast<std::uint32_t>(file.size() - 8), 0);
  EXPECT_TRUE(decoded(none, automatic).empty());
}

TEST(pcm_decoder, wav_that_ends_early_gives_what_it_has) {
  const auto file = wav_file(tone(0.5, 16'000));
  EXPECT_EQ(decoded(file.substr(0, data_at(file) + 1001), automatic).size(), 500U);
}

TEST(pcm_decoder, wav_that_ends_early_tells_what_it_lacks) {
  const auto missing_ms = [](const std::string& bytes, const pcm_format& format) {
    pcm_decoder decoder(format);
    decoder.decode(std::as_bytes(std::span(bytes)));
    decoder.finish();
    return decoder.missing_ms();
  };
  const auto file = audio_file(tone(0.5, 44100), {wav_16, 44100, 2});
  EXPECT_EQ(missing_ms(file, automatic), 0);
  EXPECT_EQ(missing_ms(file.substr(0, file.size() - 44100), automatic), 250);
  EXPECT_EQ(missing_ms(file.substr(0, data_at(file)), automatic), 500);
  EXPECT_EQ(missing_ms(with_sizes(file, 0xFFFFFFFF, 0xFFFFFFFF), automatic), 0);
  EXPECT_EQ(missing_ms(raw(tone(0.5, 16000), SF_FORMAT_PCM_16), {}), 0);
}

TEST(pcm_decoder, wav_with_other_chunks_is_read) {
  auto file = wav_file(tone(0.1, 16'000));
  const auto samples = samples_of(file);
  file.insert(file.find("fmt "), std::string("JUNK\x05\0\0\0abcde\0", 14));  // padded
  file.insert(file.find("data"), std::string("LIST\x00\0\0\0", 8));
  for (const std::size_t piece : {1, 3, 10'000}) {
    EXPECT_EQ(decoded(file, automatic, piece), samples) << piece;
  }
}

TEST(pcm_decoder, wav_with_a_longer_format_is_read) {
  auto file = wav_file(tone(0.1, 16'000));
  const auto samples = samples_of(file);
  const auto format = file.find("fmt ");
  put_32(file, format + 4, 51);
  file.insert(format + 24, std::string(36, '\0'));  // 35, padded
  for (const std::size_t piece : {1, 3, 10'000}) {
    EXPECT_EQ(decoded(file, automatic, piece), samples) << piece;
  }
}

TEST(pcm_decoder, broken_wav_headers_are_refused) {
  const auto file = wav_file(tone(0.1, 16'000));
  auto broken = file;
  broken.replace(broken.find("fmt "), 4, "tmf ");
  EXPECT_EQ(refused(broken).message, "WAV header without a format");
  broken = file;
  put_32(broken, broken.find("fmt ") + 4, 14);
  EXPECT_EQ(refused(broken).message, "WAV header with a format of 14 bytes");
  broken = file;
  put_32(broken, broken.find("fmt ") + 4, 0xFFFFFFFFU);
  EXPECT_EQ(refused(broken).message, "WAV header with 4294967295 bytes before the audio");
  broken = file;
  broken.insert(broken.find("data"), std::string("JUNK\0\0\x10\0", 8));
  EXPECT_EQ(refused(broken).message, "WAV header with 1048576 bytes before the audio");
  for (std::size_t size = 12; size < data_at(file); ++size) {
    const auto [code, message] = refused(file.substr(0, size));
    EXPECT_EQ(code, error_code::bad_audio) << size;
    EXPECT_EQ(message, "WAV header is not whole") << size;
  }
}

TEST(pcm_decoder, wav_of_other_encodings_rates_and_channels_is_refused) {
  const auto expect = [](const file_kind& kind, const std::string& message) {
    const auto refusal = refused(audio_file(std::vector<float>(2000), kind));
    EXPECT_EQ(refusal.code, error_code::unsupported_format);
    EXPECT_EQ(refusal.message, message);
  };
  expect({SF_FORMAT_WAV | SF_FORMAT_IMA_ADPCM},
         "WAV of format 17 with 4 bits is neither PCM, float, A-law nor mu-law");
  expect({wav_16, 4000}, "sample rate 4000 Hz is outside 8000 to 192000 Hz");
  expect({wav_16, 384'000}, "sample rate 384000 Hz is outside 8000 to 192000 Hz");
  expect({wav_16, 16'000, 9}, "number of channels 9 is outside 1 to 8");
  auto file = wav_file(tone(0.1, 16'000));
  put_32(file, file.find("fmt ") + 12, 0xFFFFFFFFU);
  EXPECT_EQ(refused(file).message, "sample rate 2147483647 Hz is outside 8000 to 192000 Hz");
}

TEST(pcm_decoder, other_files_are_refused_rather_than_heard) {
  const auto sound = tone(1, 16'000);
  for (const auto& [format, name] : {std::pair(SF_FORMAT_FLAC | SF_FORMAT_PCM_16, "FLAC"),
                                     {SF_FORMAT_OGG | SF_FORMAT_OPUS, "Ogg"},
                                     {SF_FORMAT_AIFF | SF_FORMAT_PCM_16, "AIFF"},
                                     {SF_FORMAT_AU | SF_FORMAT_PCM_16, "AU"},
                                     {SF_FORMAT_CAF | SF_FORMAT_PCM_16, "CAF"}}) {
    const auto [code, message] = refused(audio_file(sound, {format}));
    EXPECT_EQ(code, error_code::unsupported_format);
    EXPECT_EQ(message, "a stream that begins as " + std::string(name) +
                           ": only WAV and raw PCM are streamed");
  }
  EXPECT_EQ(refused("\x1A\x45\xDF\xA3" + std::string(20, '\0')).message.substr(0, 40),
            "a stream that begins as WebM or Matroska");
  EXPECT_EQ(refused("RIFF....AVI ....").message.substr(0, 42),
            "a stream that begins as RIFF without WAVE:");
}

TEST(wav_header, tells_no_size_where_a_program_left_it_open) {
  const auto size_in = [](std::uint32_t riff, std::uint32_t data) {
    const auto file = with_sizes(wav_file({}), riff, data);
    wav_header header;
    auto bytes = std::as_bytes(std::span(file));
    EXPECT_EQ(header.take(bytes), wav_header::status::complete);
    return header.audio_size();
  };
  EXPECT_EQ(size_in(1036, 1000), 1000U);
  EXPECT_EQ(size_in(1036, 0), 0U);  // other chunks follow
  EXPECT_EQ(size_in(0x7E000000, 0x7D000000), 0x7D000000U);
  EXPECT_EQ(size_in(36, 0), std::nullopt);
  EXPECT_EQ(size_in(0x80000000, 0), std::nullopt);
  EXPECT_EQ(size_in(0x7FFFFFFF, 0x7FFFFFDB), std::nullopt);
  EXPECT_EQ(size_in(0x80000024, 0x80000000), std::nullopt);
  EXPECT_EQ(size_in(0xFFFFFFFF, 0xFFFFFFFF), std::nullopt);
}

TEST(foreign_container, is_known_from_its_first_bytes_and_never_from_less) {
  const std::string whole = "fLaC12345678";
  EXPECT_EQ(foreign_container(std::as_bytes(std::span(whole))), "FLAC");
  EXPECT_EQ(foreign_container(std::as_bytes(std::span(whole)).first(11)), "");
}

}  // namespace
}  // namespace duplex::speech
