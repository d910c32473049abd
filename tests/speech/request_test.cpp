#include "speech/request/request.hpp"

#include <gtest/gtest.h>

#include "speech/error.hpp"

namespace duplex::speech {
namespace {

std::string text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// A message and the request in it: the audio is a part of the message.
struct parsed {
  explicit parsed(std::string_view text) : message(as_bytes(text)) {
    try {
      parse_request(message, asked);
    } catch (const speech_error& error) {
      failure = std::string(to_string(error.code())) + ": " + error.what();
    }
  }

  buffer message;
  request asked;
  std::string failure;
};

bool is_bad_json(std::string_view text) { return parsed(text).failure.starts_with("bad_json: "); }

TEST(request, audio_alone_is_enough) {
  const parsed it(R"({"audio_base64": "Zm9vYmFy"})");
  EXPECT_EQ(it.failure, "");
  EXPECT_EQ(text_of(it.asked.audio), "foobar");
  EXPECT_TRUE(it.asked.id.is_null());
  EXPECT_TRUE(it.asked.model.empty());
  EXPECT_TRUE(it.asked.lang.empty());
  EXPECT_FALSE(it.asked.return_audio);
}

TEST(request, every_field_is_read_in_any_order) {
  const parsed it(
      R"( {"return_audio":true,"lang" : "en" , "id":"a\u00e9\n", "model":"tiny","audio_base64":"Zm8="} )");
  EXPECT_EQ(it.failure, "");
  EXPECT_EQ(text_of(it.asked.audio), "fo");
  EXPECT_EQ(it.asked.id, "a\u00e9\n");
  EXPECT_EQ(it.asked.model, "tiny");
  EXPECT_EQ(it.asked.lang, "en");
  EXPECT_TRUE(it.asked.return_audio);
}

TEST(request, audio_is_decoded_where_it_was) {
  parsed it(R"({"audio_base64":"Zm9vYmFy"})");
  const auto* first = it.asked.audio.data();
  EXPECT_TRUE(first >= it.message.data() && first < it.message.data() + it.message.size());
}

TEST(request, escaped_slashes_are_base64_too) {
  EXPECT_EQ(text_of(parsed(R"({"audio_base64":"\/\/\/\/","id":1})").asked.audio), "\xFF\xFF\xFF");
  EXPECT_EQ(text_of(parsed(R"({"audio_base64":"\u005am9v"})").asked.audio), "foo");
}

TEST(request, ids_of_both_types_are_kept_as_they_are) {
  EXPECT_EQ(parsed(R"({"id":-7,"audio_base64":""})").asked.id, -7);
  EXPECT_EQ(parsed(R"({"id":18446744073709551615,"audio_base64":""})").asked.id,
            18446744073709551615U);
  EXPECT_EQ(parsed(R"({"id":1.5,"audio_base64":""})").asked.id, 1.5);
  EXPECT_EQ(parsed(R"({"id":"","audio_base64":""})").asked.id, "");
}

TEST(request, null_is_absent) {
  const parsed it(
      R"({"id":null,"model":null,"lang":null,"return_audio":null,"audio_base64":"Zm8="})");
  EXPECT_EQ(it.failure, "");
  EXPECT_TRUE(it.asked.id.is_null());
  EXPECT_EQ(parsed(R"({"audio_base64":null})").failure, "bad_field: audio_base64 is missing");
}

TEST(request, unknown_fields_are_ignored) {
  const parsed it(
      R"({"words":true,"x":[1,{"y":[]}],"z":{"audio_base64":3},"audio_base64":"Zm8=","progress":1e3})");
  EXPECT_EQ(it.failure, "");
  EXPECT_EQ(text_of(it.asked.audio), "fo");
}

TEST(request, missing_audio_is_named) {
  EXPECT_EQ(parsed("{}").failure, "bad_field: audio_base64 is missing");
  EXPECT_EQ(parsed(R"({"id":1,"audio":"Zm8="})").failure, "bad_field: audio_base64 is missing");
}

TEST(request, fields_of_wrong_types_are_named) {
  const auto failure = [](const std::string& field, const std::string& value) {
    return parsed("{\"" + field + "\":" + value +
                  (field == "audio_base64" ? "}" : ",\"audio_base64\":\"\"}"))
        .failure;
  };
  EXPECT_EQ(failure("audio_base64", "1"),
            "bad_field: audio_base64 must be a string, not of type number");
  EXPECT_EQ(failure("audio_base64", "[1, 2]"),
            "bad_field: audio_base64 must be a string, not of type array");
  EXPECT_EQ(failure("audio_base64", "{}"),
            "bad_field: audio_base64 must be a string, not of type object");
  EXPECT_EQ(failure("id", "[]"), "bad_field: id must be a string or a number, not of type array");
  EXPECT_EQ(failure("id", "true"),
            "bad_field: id must be a string or a number, not of type boolean");
  EXPECT_EQ(failure("model", "7"), "bad_field: model must be a string, not of type number");
  EXPECT_EQ(failure("lang", "{\"a\":1}"), "bad_field: lang must be a string, not of type object");
  EXPECT_EQ(failure("return_audio", "\"yes\""),
            "bad_field: return_audio must be true or false, not of type string");
  EXPECT_EQ(failure("id", "\"" + std::string(257, 'x') + "\""),
            "bad_field: id is longer than 256 bytes");
  std::string many = "[";
  for (int i = 0; i < 1000; ++i) many += "[],";
  EXPECT_EQ(failure("id", many + "[]]"), "bad_field: id is longer than 256 bytes");
}

TEST(request, a_bad_field_does_not_hide_the_id_behind_it) {
  const parsed it(R"({"model":7,"audio_base64":false,"id":"me"})");
  EXPECT_EQ(it.failure, "bad_field: model must be a string, not of type number");
  EXPECT_EQ(it.asked.id, "me");
}

TEST(request, a_field_that_is_there_twice_is_refused) {
  for (const char* field : {"audio_base64", "id", "model", "lang", "return_audio"}) {
    const std::string twice = "\"" + std::string(field) + "\":null";
    EXPECT_EQ(parsed("{" + twice + "," + twice + ",\"id2\":1}").failure,
              "bad_field: " + std::string(field) + " is there twice");
  }
  EXPECT_EQ(parsed(R"({"id":1,"x":1,"x":2,"audio_base64":"Zm8="})").failure, "");
  const parsed it(R"({"model":"a","mod\u0065l":"b","audio_base64":"Zm8=","id":"me"})");
  EXPECT_EQ(it.failure, "bad_field: model is there twice");
  EXPECT_EQ(it.asked.id, "me");
}

TEST(request, bad_base64_is_told_apart) {
  const parsed it(R"({"id":5,"audio_base64":"Zm9v!"})");
  EXPECT_EQ(it.failure, "invalid_base64: audio_base64: character 4 is not in the alphabet");
  EXPECT_EQ(it.asked.id, 5);
  EXPECT_TRUE(parsed(R"({"audio_base64":"Zm9v\nYmE"})").failure.starts_with("invalid_base64: "));
}

TEST(request, what_is_not_a_json_object_is_refused) {
  for (const char* text : {"",
                           " ",
                           "hello",
                           "[]",
                           "1",
                           "\"x\"",
                           "null",
                           "{",
                           "}",
                           "{\"audio_base64\"",
                           "{\"audio_base64\":",
                           "{\"audio_base64\":\"Zm8=",
                           "{\"audio_base64\":\"Zm8=\"",
                           "{\"audio_base64\":\"Zm8=\",}",
                           "{\"audio_base64\":\"Zm8=\"x}",
                           "{\"audio_base64\":\"Zm8=\" \"id\":1}",
                           "{audio_base64:\"Zm8=\"}",
                           "{\"audio_base64\":\"Zm8=\"}{}",
                           "{\"audio_base64\":\"Zm8=\"} x",
                           "{\"audio_base64\":\"Zm8=\",\"x\":tru}",
                           "{\"audio_base64\":\"Zm8=\",\"x\":[1,}",
                           "{\"audio_base64\":\"Zm8=\",\"x\":[1 2]}",
                           "{\"id\":01,\"audio_base64\":\"Zm8=\"}",
                           "{\"id\":\"\\ud800\",\"audio_base64\":\"Zm8=\"}",
                           "{'audio_base64':'Zm8='}",
                           "{\"audio_base64\":\"Zm9v\nYmE\"}",
                           "{\"audio_base64\":\"\xFF\xFE\"}"}) {
    EXPECT_TRUE(is_bad_json(text)) << text << " -> " << parsed(text).failure;
  }
}

TEST(request, every_prefix_of_a_message_is_refused) {
  const std::string whole =
      R"({"id":"x","audio_base64":"Zm9vYmFy","model":"tiny","return_audio":false,"u":[{"a":1}]})";
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_TRUE(is_bad_json(whole.substr(0, size))) << whole.substr(0, size);
  }
  EXPECT_EQ(parsed(whole).failure, "");
}

TEST(request, deep_nesting_is_harmless) {
  for (const std::size_t depth : {100U, 100'000U, 2'000'000U}) {
    const std::string nested = std::string(depth, '[') + std::string(depth, ']');
    const parsed it("{\"x\":" + nested + ",\"audio_base64\":\"Zm8=\"}");
    EXPECT_TRUE(it.failure.empty() || it.failure.starts_with("bad_json: ")) << it.failure;
    EXPECT_TRUE(is_bad_json(std::string(depth, '{')));
    EXPECT_TRUE(is_bad_json(std::string(depth, '[')));
  }
}

}  // namespace
}  // namespace duplex::speech
