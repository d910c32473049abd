#include "speech/audio/reader.hpp"

#include <gtest/gtest.h>
#include <malloc.h>
#include <ogg/ogg.h>
#include <sndfile.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <thread>

#include "sound.hpp"
#include "speech/audio/wav_writer.hpp"
#include "speech/error.hpp"
#include "transcribe.hpp"

namespace duplex::speech {
namespace {

constexpr int wav_16 = SF_FORMAT_WAV | SF_FORMAT_PCM_16;

std::string refusal(const std::string& file) {
  try {
    samples_of(file);
  } catch (const speech_error& error) {
    EXPECT_EQ(error.code(), error_code::bad_audio);
    return error.what();
  }
  return "not refused";
}

void put_32(std::string& bytes, std::size_t at, std::uint32_t value) {
  std::memcpy(bytes.data() + at, &value, 4);
}

// Where the size of a plain WAV file's data stands.
std::size_t data_size_at(const std::string& wav) { return wav.find("data") + 4; }

struct named_kind {
  const char* name;
  file_kind kind;
};

class every_kind : public testing::TestWithParam<named_kind> {};

TEST_P(every_kind, of_file_gives_its_tone_at_16_kHz) {
  const file_kind kind = GetParam().kind;
  const auto samples = samples_of(audio_file(tone(2, kind.rate), kind));
  EXPECT_NEAR(static_cast<double>(samples.size()) / sample_rate, 2.0, 0.1);
  // The ends aside, where encoders fade.
  const std::vector<float> middle(samples.begin() + 4000, samples.begin() + 28000);
  EXPECT_NEAR(amplitude_at(middle, sample_rate, 440), 0.5, 0.03);
  EXPECT_LT(amplitude_at(middle, sample_rate, 880), 0.03);
}

INSTANTIATE_TEST_SUITE_P(
    audio_reader, every_kind,
    testing::Values(
        named_kind{"wav_u8", {SF_FORMAT_WAV | SF_FORMAT_PCM_U8}}, named_kind{"wav_16", {wav_16}},
        named_kind{"wav_24", {SF_FORMAT_WAV | SF_FORMAT_PCM_24}},
        named_kind{"wav_32", {SF_FORMAT_WAV | SF_FORMAT_PCM_32}},
        named_kind{"wav_float", {SF_FORMAT_WAV | SF_FORMAT_FLOAT}},
        named_kind{"wav_double", {SF_FORMAT_WAV | SF_FORMAT_DOUBLE}},
        named_kind{"wav_ulaw", {SF_FORMAT_WAV | SF_FORMAT_ULAW, 8000}},
        named_kind{"wav_alaw", {SF_FORMAT_WAV | SF_FORMAT_ALAW, 8000}},
        named_kind{"wav_extensible", {SF_FORMAT_WAVEX | SF_FORMAT_PCM_16, 16000, 6}},
        named_kind{"flac", {SF_FORMAT_FLAC | SF_FORMAT_PCM_16, 44100}},
        named_kind{"ogg_vorbis", {SF_FORMAT_OGG | SF_FORMAT_VORBIS, 44100, 2}},
        named_kind{"ogg_opus", {SF_FORMAT_OGG | SF_FORMAT_OPUS, 48000}},
        named_kind{"mp3", {SF_FORMAT_MPEG | SF_FORMAT_MPEG_LAYER_III, 44100, 2}},
        named_kind{"aiff", {SF_FORMAT_AIFF | SF_FORMAT_PCM_16}},
        named_kind{"stereo_8_kHz", {wav_16, 8000, 2}}, named_kind{"rate_11025", {wav_16, 11025}},
        named_kind{"rate_22050", {wav_16, 22050}}, named_kind{"rate_96000", {wav_16, 96000}},
        named_kind{"rate_192000", {wav_16, 192000}}, named_kind{"channels_8", {wav_16, 48000, 8}}),
    [](const auto& it) { return it.param.name; });

TEST(audio_reader, wav_at_16_kHz_is_given_sample_by_sample) {
  const auto samples =
      samples_of(audio_file({0.0F, 0.5F, -0.5F, 0.25F}, {SF_FORMAT_WAV | SF_FORMAT_FLOAT}));
  EXPECT_EQ(samples, (std::vector<float>{0.0F, 0.5F, -0.5F, 0.25F}));
}

TEST(audio_reader, channels_are_averaged) {
  auto file = audio_file({0.0F, 0.0F}, {SF_FORMAT_WAV | SF_FORMAT_FLOAT, 16000, 2});
  const float frames[]{1.0F, 0.0F, -0.5F, -0.25F};
  std::memcpy(file.data() + data_size_at(file) + 4, frames, sizeof frames);
  EXPECT_EQ(samples_of(file), (std::vector<float>{0.5F, -0.375F}));
}

TEST(audio_reader, resampled_length_is_right_to_the_sample) {
  for (const int rate : {8000, 22050, 44100, 48000}) {
    EXPECT_NEAR(samples_of(audio_file(tone(30, rate), {wav_16, rate})).size(), 30 * sample_rate, 1)
        << rate;
  }
}

TEST(audio_reader, blocks_are_no_longer_than_they_must_be) {
  const auto file = audio_file(tone(60, 48000), {wav_16, 48000});
  audio_reader reader(std::as_bytes(std::span(file)));
  for (auto block = reader.next(); !block.empty(); block = reader.next())
    ASSERT_LE(block.size(), 2U * sample_rate);
}

TEST(audio_reader, progress_goes_from_0_to_1_evenly) {
  const auto file = audio_file(tone(60, 16'000), {wav_16});
  audio_reader reader(std::as_bytes(std::span(file)));
  double second = 0;
  EXPECT_LT(reader.progress(), 0.01);
  for (auto block = reader.next(); !block.empty(); block = reader.next()) {
    second += static_cast<double>(block.size()) / sample_rate;
    ASSERT_NEAR(reader.progress(), second / 60, 0.02);
  }
  EXPECT_EQ(reader.progress(), 1);
}

TEST(audio_reader, not_a_number_is_silence_and_too_loud_is_clipped) {
  constexpr float infinity = std::numeric_limits<float>::infinity();
  auto file = audio_file(std::vector<float>(6), {SF_FORMAT_WAV | SF_FORMAT_FLOAT});
  const float frames[]{0.5F, std::nanf(""), infinity, -infinity, 7.0F, -7.0F};
  std::memcpy(file.data() + data_size_at(file) + 4, frames, sizeof frames);
  EXPECT_EQ(samples_of(file), (std::vector<float>{0.5F, 0, 0, 0, 1, -1}));
}

TEST(audio_reader, resampling_never_overshoots) {
  std::vector<float> square(8000);
  for (std::size_t i = 0; i < square.size(); ++i) square[i] = i / 20 % 2 == 0 ? 1.0F : -1.0F;
  for (const float sample :
       samples_of(audio_file(square, {SF_FORMAT_WAV | SF_FORMAT_FLOAT, 8000}))) {
    ASSERT_LE(std::abs(sample), 1.0F);
  }
}

TEST(audio_reader, wav_that_promises_too_much_gives_what_it_has) {
  auto file = wav_file(tone(1, 16000));
  for (const std::uint32_t lie :
       {100'000U, 0x7FFFFFFFU, 0xFFFFFFFFU}) {  // the last is what pipes write
    put_32(file, data_size_at(file), lie);
    put_32(file, 4, lie);
    EXPECT_EQ(samples_of(file).size(), 16000U) << lie;
  }
}

TEST(audio_reader, file_that_was_cut_tells_what_it_lacks) {
  struct length {
    double heard_ms = 0, missing_ms = 0;
  };
  const auto read = [](const std::string& file) {
    audio_reader reader(std::as_bytes(std::span(file)));
    std::size_t samples = 0;
    for (auto block = reader.next(); !block.empty(); block = reader.next()) samples += block.size();
    return length{static_cast<double>(samples) / 16, static_cast<double>(reader.missing_ms())};
  };
  for (const file_kind& kind : {file_kind{wav_16, 44100, 2},
                                {SF_FORMAT_WAV | SF_FORMAT_PCM_24},
                                {SF_FORMAT_FLAC | SF_FORMAT_PCM_16}}) {
    const auto file = audio_file(tone(3, kind.rate), kind);
    EXPECT_EQ(read(file).missing_ms, 0) << kind.format;
    const auto [heard_ms, missing_ms] = read(file.substr(0, file.size() / 2));
    EXPECT_NEAR(heard_ms + missing_ms, 3000, 2) << kind.format;
    EXPECT_NEAR(missing_ms, 1500, 300) << kind.format;
  }
  const auto ogg = audio_file(tone(30, 16000), {SF_FORMAT_OGG | SF_FORMAT_VORBIS});
  EXPECT_EQ(read(ogg.substr(0, ogg.size() - 5000)).missing_ms, 0);
  auto open = wav_file(tone(1, 16000));
  put_32(open, data_size_at(open), 0xFFFFFFFF);  // as pipes leave it
  EXPECT_EQ(read(open).missing_ms, 0);
}

TEST(audio_reader, wav_that_promises_nothing_gives_what_it_has) {
  auto file = wav_file(tone(1, 16000));
  put_32(file, data_size_at(file), 0);
  for (const std::uint32_t whole : {0U, 36U}) {  // as pipes leave it
    put_32(file, 4, whole);
    EXPECT_EQ(samples_of(file), samples_of(wav_file(tone(1, 16000)))) << whole;
  }
}

TEST(audio_reader, wav_without_samples_but_with_other_chunks_is_empty) {
  auto file = wav_file({}) + std::string("LIST\x04\0\0\0abcd", 12);
  put_32(file, 4, static_cast<std::uint32_t>(file.size() - 8));
  EXPECT_EQ(refusal(file), "audio is empty");
}

TEST(audio_reader, wav_that_ends_inside_a_sample_gives_the_whole_ones) {
  auto file = wav_file(tone(1, 16000));
  put_32(file, data_size_at(file), 31'999);
  file.resize(data_size_at(file) + 4 + 31'999);
  EXPECT_EQ(samples_of(file).size(), 15'999U);
}

TEST(audio_reader, wav_cut_anywhere_is_read_or_refused) {
  const auto file = wav_file(tone(0.01, 16000));
  for (std::size_t size = 0; size < file.size(); ++size) {
    try {
      samples_of(file.substr(0, size));
    } catch (const speech_error& error) {
      EXPECT_EQ(error.code(), error_code::bad_audio) << size;
    }
  }
}

TEST(audio_reader, wav_with_other_chunks_is_read) {
  auto file = wav_file(tone(1, 16000));
  file.insert(file.find("data"), std::string("LIST\x04\0\0\0abcd", 12));
  EXPECT_EQ(samples_of(file).size(), 16000U);
}

TEST(audio_reader, bytes_that_are_no_audio_are_refused_with_the_reason) {
  EXPECT_EQ(refusal(""), "audio is empty");
  EXPECT_EQ(refusal("hello"), "not an audio file that can be read: Format not recognised");
  EXPECT_EQ(refusal(std::string(10'000, '\0')).substr(0, 34), "not an audio file that can be read");
  EXPECT_EQ(refusal("RIFF....WAVEfmt ").substr(0, 34), "not an audio file that can be read");
}

TEST(audio_reader, reasons_are_right_beside_files_that_are_opened_meanwhile) {
  const std::string good = audio_file(tone(0.1, sample_rate), {wav_16});
  const std::jthread other([&](const std::stop_token& stop) {
    while (!stop.stop_requested()) samples_of(good);
  });
  for (int round = 0; round < 300; ++round) {
    ASSERT_EQ(refusal("hello"), "not an audio file that can be read: Format not recognised");
  }
}

TEST(audio_reader, wav_of_impossible_audio_is_refused_by_what_is_wrong) {
  const auto with = [](std::size_t at, std::uint32_t value) {
    auto file = wav_file(tone(0.1, 16000));
    put_32(file, at, value);
    return refusal(file);
  };
  EXPECT_EQ(with(24, 0), "sample rate 0 Hz is outside 8000 to 192000 Hz");
  EXPECT_EQ(with(24, 0xFFFFFFFF), "sample rate 2147483647 Hz is outside 8000 to 192000 Hz");
  EXPECT_EQ(with(22, 16'000 << 16), "number of channels 0 is outside 1 to 8");
  EXPECT_EQ(with(22, 16'000 << 16 | 0xFFFF), "number of channels 65535 is outside 1 to 8");
}

// Each would leave several kilobytes in libsndfile.
TEST(audio_reader, ogg_with_damaged_headers_is_refused_and_leaves_nothing_behind) {
  const auto whole = audio_file(tone(1, 44'100), {SF_FORMAT_OGG | SF_FORMAT_VORBIS, 44'100});
  auto damaged = whole;
  damaged[2000] ^= 0x55;
  auto of_other_version = whole;
  auto* const first = reinterpret_cast<unsigned char*>(of_other_version.data());
  ogg_page page{first, 28, first + 28, 30};
  page.body[7] = 9;
  ogg_page_checksum_set(&page);
  const std::string tag("ID3\3\0\0\0\0\0\5abcde", 15);
  const auto before = mallinfo2().uordblks;
  for (int i = 0; i < 20; ++i) {
    for (const auto& file : {whole.substr(0, 58), whole.substr(0, 3000), damaged, of_other_version,
                             tag + damaged, tag + tag + whole.substr(0, 100)}) {
      EXPECT_EQ(refusal(file),
                "not an audio file that can be read: its Vorbis headers are not whole");
    }
  }
  EXPECT_LT(mallinfo2().uordblks, before + 100'000);
  EXPECT_EQ(samples_of(whole).size(), 16'000U);
}

TEST(audio_reader, mp3_without_a_frame_is_refused_for_that) {
  const auto file =
      audio_file(tone(1, 44'100), {SF_FORMAT_MPEG | SF_FORMAT_MPEG_LAYER_III, 44'100});
  EXPECT_EQ(refusal(file.substr(0, 60)),
            "not an audio file that can be read: it has no whole frame of audio");
}

TEST(audio_reader, audio_without_samples_is_refused) {
  EXPECT_EQ(refusal(wav_file({})), "audio is empty");
}

TEST(audio_reader, rates_and_channels_out_of_range_are_refused) {
  EXPECT_EQ(refusal(audio_file(tone(1, 4000), {wav_16, 4000})),
            "sample rate 4000 Hz is outside 8000 to 192000 Hz");
  EXPECT_EQ(refusal(audio_file(tone(1, 384000), {wav_16, 384000})),
            "sample rate 384000 Hz is outside 8000 to 192000 Hz");
  EXPECT_EQ(refusal(audio_file(tone(1, 16000), {wav_16, 16000, 9})),
            "number of channels 9 is outside 1 to 8");
}

TEST(wav_writer, what_it_writes_is_read_back) {
  const auto samples = tone(1, 16000);
  wav_writer writer;
  writer.write(std::span(samples).first(7000));
  writer.write(std::span(samples).subspan(7000));
  const auto read = samples_of(writer.take());
  ASSERT_EQ(read.size(), samples.size());
  for (std::size_t i = 0; i < samples.size(); ++i) ASSERT_NEAR(read[i], samples[i], 1.0 / 16384);
}

TEST(wav_writer, nothing_is_a_file_without_samples) { EXPECT_EQ(wav_writer().take().size(), 44U); }

}  // namespace
}  // namespace duplex::speech
