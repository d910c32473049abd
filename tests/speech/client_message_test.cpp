#include "speech/session/client_message.hpp"

#include <gtest/gtest.h>

#include "speech/error.hpp"

namespace duplex::speech {
namespace {

using namespace std::chrono_literals;

// "code: message" of what parsing throws; empty if it does not.
template <class Parse>
std::string failure_of(Parse parse) {
  try {
    parse();
  } catch (const speech_error& error) {
    return std::string(to_string(error.code())) + ": " + error.what();
  }
  return "";
}

std::string failure(std::string_view text) {
  return failure_of([&] { parse_client_message(text); });
}

std::string start_failure(const std::string& fields) {
  return failure(R"({"type":"start","format":"pcm_s16le","rate":16000,)" + fields + "}");
}

TEST(client_message, start_needs_a_format_and_a_rate_alone) {
  const auto message =
      parse_client_message(R"({"type":"start","format":"pcm_f32le","rate":48000})");
  start_message expected;
  expected.format = {.encoding = pcm_encoding::f32le, .rate = 48000, .channels = 1};
  EXPECT_EQ(message, client_message(expected));
  EXPECT_EQ(failure(R"({"type":"start","rate":16000})"),
            "bad_field: format is missing: such as \"pcm_s16le\"");
  EXPECT_EQ(failure(R"({"type":"start","format":"pcm_s16le"})"),
            "bad_field: rate is missing: the samples a second, such as 16000");
  EXPECT_EQ(failure(R"({"type":"start","format":"auto"})"), "");
}

TEST(client_message, every_field_of_start_is_read) {
  const auto message = parse_client_message(
      R"({"words":true,"type":"start","format":"pcm_mulaw","rate":8000,"channels":2,"model":"tiny",
          "lang":"en","partials":{"interval_ms":200},"hotwords":[],"acks":false,"resume":true,
          "endpoint":{"silence_ms":700,"max_ms":15000,"preroll_ms":250,"patience_ms":100}})");
  const start_message expected{
      .format = {.encoding = pcm_encoding::mulaw, .rate = 8000, .channels = 2},
      .model = "tiny",
      .lang = "en",
      .cuts = {.silence = 700ms, .longest = 15000ms, .preroll = 250ms, .patience = 100ms},
      .partials = 200ms,
      .words = true,
      .acks = false,
      .resume = true};
  EXPECT_EQ(message, client_message(expected));
}

TEST(client_message, null_counts_as_absent) {
  const auto message = parse_client_message(
      R"({"type":"start","format":"auto","rate":null,"model":null,"partials":null,"endpoint":null,
          "words":null})");
  start_message expected;
  expected.format.encoding = pcm_encoding::automatic;
  EXPECT_EQ(message, client_message(expected));
}

TEST(client_message, partials_can_be_on_off_or_at_an_interval) {
  const auto interval = [](std::string_view value) {
    const std::string text = R"({"type":"configure","partials":)" + std::string(value) + "}";
    return std::get<configure_message>(parse_client_message(text)).partials;
  };
  EXPECT_EQ(interval("false"), 0ms);
  EXPECT_EQ(interval("true"), start_message().partials);
  EXPECT_EQ(interval("{}"), start_message().partials);
  EXPECT_EQ(interval(R"({"interval_ms":0})"), 0ms);
  EXPECT_EQ(interval(R"({"interval_ms":100})"), 100ms);
  EXPECT_EQ(interval(R"({"interval_ms":10000})"), 10s);
  EXPECT_EQ(interval("null"), std::nullopt);
}

TEST(client_message, messages_without_fields_are_their_type) {
  EXPECT_EQ(parse_client_message(R"({"type":"flush"})"), client_message(flush_message()));
  EXPECT_EQ(parse_client_message(R"({"type":"stop"})"), client_message(stop_message()));
  EXPECT_EQ(parse_client_message(R"({"type":"cancel"})"), client_message(cancel_message()));
  EXPECT_EQ(parse_client_message(R"({"type":"keepalive"})"), client_message(keepalive_message()));
  EXPECT_EQ(failure(R"({"type":"stop","now":true})"), "bad_field: stop has no field now");
}

TEST(client_message, resume_needs_all_of_its_fields) {
  EXPECT_EQ(parse_client_message(R"({"type":"resume","session":"a","token":"b","last_seq":12})"),
            client_message(resume_message{.session = "a", .token = "b", .last_seq = 12}));
  EXPECT_EQ(failure(R"({"type":"resume","token":"b","last_seq":1})"),
            "bad_field: session is missing");
  EXPECT_EQ(failure(R"({"type":"resume","session":"a","last_seq":1})"),
            "bad_field: token is missing");
  EXPECT_EQ(failure(R"({"type":"resume","session":"a","token":"b"})"),
            "bad_field: last_seq is missing: 0 where no event arrived");
}

TEST(client_message, type_is_one_that_there_is) {
  EXPECT_EQ(failure("{}"), "bad_field: type is missing");
  EXPECT_EQ(failure(R"({"type":7})"),
            "bad_field: type must be a string of at most 256 bytes, not 7");
  EXPECT_EQ(failure(R"({"type":"begin"})"),
            "bad_field: type must be one of start, configure, flush, stop, cancel, keepalive, "
            "resume, not \"begin\"");
}

TEST(client_message, broken_json_is_bad_json) {
  for (const std::string_view text :
       {"", " ", "{", R"({"type":"stop"} {})", R"({"type":"stop",})", "{'type':'stop'}",
        R"({"type":"st)", R"(["type"])", "7", "null", "\"stop\"", "{\"type\":\"\xff\"}"}) {
    EXPECT_TRUE(failure(text).starts_with("bad_json: ")) << text << ": " << failure(text);
  }
  EXPECT_EQ(failure("[1, 2]"), "bad_json: message is not a JSON object: [1,2]");
  const std::string deep = R"({"type":)" + std::string(100'000, '[');
  EXPECT_TRUE(failure(deep).starts_with("bad_json: "));
}

TEST(client_message, wrong_values_are_refused_with_field_and_value) {
  EXPECT_EQ(start_failure(R"("words":"yes")"),
            "bad_field: words must be true or false, not \"yes\"");
  EXPECT_EQ(failure(R"({"type":"start","format":"pcm_s16le","rate":16000.5})"),
            "bad_field: rate must be an integer, not 16000.5");
  EXPECT_EQ(start_failure(R"("partials":{"interval_ms":99})"),
            "bad_field: partials.interval_ms must be an integer from 100 to 10000, not 99");
  EXPECT_EQ(start_failure(R"("partials":{"interval_ms":10001})"),
            "bad_field: partials.interval_ms must be an integer from 100 to 10000, not 10001");
  EXPECT_EQ(start_failure(R"("partials":200)"), "bad_field: partials must be an object, not 200");
  EXPECT_EQ(start_failure(R"("model":{"a":1})"),
            "bad_field: model must be a string of at most 256 bytes, not {\"a\":1}");
  EXPECT_EQ(start_failure(R"("hotwords":[{"text":"duplex","boost":2}])"),
            "bad_field: hotwords must be empty: no model served here takes them");
  EXPECT_EQ(failure(R"({"type":"resume","session":"a","token":"b","last_seq":-1})"),
            "bad_field: last_seq must be an integer from 0 to 9223372036854775807, not -1");
}

TEST(client_message, ranges_of_audio_and_endpoints_are_checked) {
  for (const auto* fields :
       {R"("format":"pcm_s16le","rate":7999)", R"("format":"pcm_s16le","rate":192001)",
        R"("format":"pcm_s16le","rate":8000,"channels":9)", R"("format":"mp3","rate":8000)"}) {
    const auto said = failure(R"({"type":"start",)" + std::string(fields) + "}");
    EXPECT_TRUE(said.starts_with("unsupported_format: ")) << said;
  }
  for (const auto* field : {"silence_ms", "max_ms", "preroll_ms", "patience_ms"}) {
    const auto said = start_failure(R"("endpoint":{")" + std::string(field) + R"(":-1})");
    EXPECT_TRUE(said.starts_with("bad_field: ")) << said;
    EXPECT_NE(said.find(field), said.npos) << said;
    EXPECT_NE(said.find("-1"), said.npos) << said;
  }
}

TEST(client_message, fields_that_there_are_not_are_refused) {
  EXPECT_EQ(start_failure(R"("sample_rate":16000)"),
            "bad_field: start has no field sample_rate; there are format, rate, channels, model, "
            "lang, partials, endpoint, words, hotwords, acks, resume");
  EXPECT_EQ(start_failure(R"("endpoint":{"silence":1})"),
            "bad_field: endpoint has no field endpoint.silence; there are silence_ms, max_ms, "
            "preroll_ms, patience_ms");
  EXPECT_EQ(failure(R"({"type":"configure","rate":8000})"),
            "bad_field: configure has no field rate; there are partials, words");
}

TEST(client_message, a_field_that_is_there_twice_is_refused) {
  EXPECT_EQ(start_failure(R"("rate":8000)"), "bad_field: rate is there twice");
  EXPECT_EQ(start_failure(R"("model":null,"mod\u0065l":"tiny")"),
            "bad_field: model is there twice");
  EXPECT_EQ(start_failure(R"("endpoint":{"max_ms":3000,"max_ms":3000})"),
            "bad_field: endpoint.max_ms is there twice");
  EXPECT_EQ(failure(R"({"type":"stop","type":"cancel"})"), "bad_field: type is there twice");
  EXPECT_EQ(failure(R"({"type":"configure","partials":{"interval_ms":0,"interval_ms":100}})"),
            "bad_field: partials.interval_ms is there twice");
}

TEST(client_message, control_characters_are_quoted_escaped) {
  EXPECT_EQ(failure(R"({"type":"stop","a\u0000b\n\u007f\u009b\u202e":1})"),
            R"(bad_field: stop has no field a\x00b\n\x7f\x9b\u202e)");
  EXPECT_TRUE(start_failure(R"("format":"a\u0000b")").starts_with("bad_field: format is there"));
  EXPECT_TRUE(failure(R"({"type":"start","format":"a\u0000b"})")
                  .starts_with(R"(unsupported_format: format "a\x00b" is none of auto, )"));
}

TEST(client_message, long_values_are_quoted_in_part) {
  const auto said = start_failure(R"("words":")" + std::string(10'000, 'x') + "\"");
  EXPECT_LT(said.size(), 200U);
  const auto characters = start_failure("\"words\":\"" + std::string(58, 'x') + "\u20ac\u20ac\"");
  EXPECT_NE(characters.find("..."), characters.npos);
  EXPECT_EQ(characters.find("\u20ac"), characters.npos) << "cut inside of a character";
}

TEST(start_query, fields_stand_without_nesting) {
  const auto start = parse_start_query(
      "format=pcm_alaw&rate=8000&channels=2&model=ti%6Ey&lang=en&interval_ms=500&silence_ms=800"
      "&words=true&resume=true&acks=false&token=secret");
  start_message expected{.format = {.encoding = pcm_encoding::alaw, .rate = 8000, .channels = 2},
                         .model = "tiny",
                         .lang = "en",
                         .partials = 500ms,
                         .words = true,
                         .acks = false,
                         .resume = true};
  expected.cuts.silence = 800ms;
  EXPECT_EQ(start, expected);
}

TEST(start_query, nothing_but_a_token_is_no_start) {
  EXPECT_EQ(parse_start_query(""), std::nullopt);
  EXPECT_EQ(parse_start_query("token=a%20b"), std::nullopt);
  EXPECT_EQ(parse_start_query("&&"), std::nullopt);
}

TEST(start_query, mistakes_are_those_of_the_message) {
  const auto said = [](std::string_view query) {
    return failure_of([&] { parse_start_query(query); });
  };
  EXPECT_EQ(said("rate=16000"), "bad_field: format is missing: such as \"pcm_s16le\"");
  EXPECT_TRUE(said("format=opus&rate=16000").starts_with("unsupported_format: "));
  EXPECT_TRUE(said("format=pcm_s16le&rate=fast").starts_with("bad_field: rate must be"));
  EXPECT_TRUE(said("format=pcm_s16le&rate=1e3").starts_with("bad_field: rate must be"));
  EXPECT_TRUE(said("format=pcm_s16le&rate=").starts_with("bad_field: rate must be"));
  EXPECT_TRUE(said("format=auto&words").starts_with("bad_field: words must be"));
  EXPECT_EQ(
      said("sample_rate=8000"),
      "bad_field: query has no field sample_rate; there are format, rate, channels, model, "
      "lang, partials, interval_ms, silence_ms, max_ms, preroll_ms, patience_ms, words, acks, "
      "resume");
  EXPECT_TRUE(said("format=auto&partials=false&interval_ms=1").starts_with("bad_field: partials"));
  EXPECT_TRUE(said("format=auto&%ff%zz%=1").starts_with("bad_field: query has no field"));
  EXPECT_TRUE(said("format=auto&type=stop").starts_with("bad_field: query has no field type;"));
  EXPECT_TRUE(said("endpoint=1").starts_with("bad_field: query has no field endpoint;"));
  EXPECT_EQ(said("format=auto&rate=8000&rate=16000"), "bad_field: rate is there twice");
  EXPECT_EQ(said("format=auto&max_ms=8000&max_ms=8000"), "bad_field: max_ms is there twice");
}

}  // namespace
}  // namespace duplex::speech
