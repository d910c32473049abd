#include "speech/request/base64.hpp"

#include <gtest/gtest.h>

#include <random>

#include "speech/error.hpp"

namespace duplex::speech {
namespace {

std::string decoded(std::string text) {
  const auto bytes = decode_base64_in_place(text);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::string encoded(const std::string& bytes) {
  std::string text;
  append_base64(text, std::as_bytes(std::span(bytes)));
  return text;
}

std::string refusal(const std::string& text) {
  try {
    decoded(text);
  } catch (const speech_error& error) {
    EXPECT_EQ(error.code(), error_code::invalid_base64);
    return error.what();
  }
  return "not refused";
}

// RFC 4648 section 10.
TEST(base64, rfc_vectors_hold_both_ways) {
  const std::pair<std::string, std::string> vectors[]{{"", ""},
                                                      {"f", "Zg=="},
                                                      {"fo", "Zm8="},
                                                      {"foo", "Zm9v"},
                                                      {"foob", "Zm9vYg=="},
                                                      {"fooba", "Zm9vYmE="},
                                                      {"foobar", "Zm9vYmFy"}};
  for (const auto& [bytes, text] : vectors) {
    EXPECT_EQ(encoded(bytes), text);
    EXPECT_EQ(decoded(text), bytes);
  }
}

TEST(base64, large_bytes_survive_in_place) {
  std::mt19937 random(1);
  for (const std::size_t size :
       {3U << 20, (3U << 20) + 1, (9U << 20) / 4, (9U << 20) / 4 + 1, 7'000'001U}) {
    std::string bytes(size, '\0');
    for (char& byte : bytes) byte = static_cast<char>(random());
    EXPECT_TRUE(decoded(encoded(bytes)) == bytes) << size;
  }
}

TEST(base64, encoding_appends) {
  std::string text = "x=";
  append_base64(text, std::as_bytes(std::span("foo", 3)));
  EXPECT_EQ(text, "x=Zm9v");
}

TEST(base64, wrong_length_is_refused) {
  EXPECT_EQ(refusal("Zg="), "audio_base64: length 3 is not a multiple of 4");
  EXPECT_EQ(refusal("Zm9vY"), "audio_base64: length 5 is not a multiple of 4");
}

TEST(base64, what_is_not_in_the_alphabet_is_refused) {
  EXPECT_EQ(refusal("Zm9v####"), "audio_base64: character 4 is not in the alphabet");
  EXPECT_EQ(refusal("Zm9v----"), "audio_base64: character 4 is not in the alphabet");
  EXPECT_EQ(refusal("Zm9-Zm9_"), "audio_base64: character 3 is not in the alphabet");
  EXPECT_EQ(refusal(" Zm9vYmE"), "audio_base64: character 0 is not in the alphabet");
  EXPECT_EQ(refusal("Zm9\xC3\xA9YmE="), "audio_base64: character 3 is not in the alphabet");
  EXPECT_EQ(refusal("////////####"), "audio_base64: character 8 is not in the alphabet");
  EXPECT_EQ(refusal(std::string("Zm9v\0\0\0\0", 8)),
            "audio_base64: character 4 is not in the alphabet");
}

TEST(base64, line_breaks_and_data_urls_are_named) {
  const std::string line(76, 'A');
  EXPECT_EQ(refusal(line + "\n" + line), "audio_base64: line break at character 76");
  EXPECT_EQ(refusal(line + "\r\n" + line + "AA"), "audio_base64: line break at character 76");
  EXPECT_EQ(refusal("Zm9vYmE\n"), "audio_base64: line break at character 7");
  EXPECT_EQ(refusal("Zg==\n"), "audio_base64: line break at character 4");
  for (const char* each : {"data:audio/wav;base64,Zm9v", "data:audio/wav;base64,Zm9vZg=="}) {
    EXPECT_EQ(
        refusal(each),
        "audio_base64: begins with data:, as a URL does; only what follows its comma is base64");
  }
}

TEST(base64, every_bad_byte_is_refused_wherever_it_stands) {
  const std::string good = "Zm9vYmFyZm9v";
  const std::string alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (std::size_t at = 0; at < good.size(); ++at) {
    for (int byte = 0; byte < 256; ++byte) {
      std::string text = good;
      text[at] = static_cast<char>(byte);
      const bool is_good =
          alphabet.find(text[at]) != std::string::npos || (byte == '=' && at + 1 == good.size());
      EXPECT_EQ(refusal(text) == "not refused", is_good) << text;
    }
  }
}

TEST(base64, padding_inside_is_refused) {
  EXPECT_EQ(refusal("Zg==Zm9v"), "audio_base64: padding inside, at character 2");
  EXPECT_EQ(refusal("===="), "audio_base64: padding inside, at character 0");
  EXPECT_EQ(refusal("Z==="), "audio_base64: padding inside, at character 1");
}

}  // namespace
}  // namespace duplex::speech
