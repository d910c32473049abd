#include "speech/request/handler.hpp"

#include <gtest/gtest.h>
#include <sndfile.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <thread>

#include "sound.hpp"
#include "speech/recognizers/scripted.hpp"
#include "speech/request/base64.hpp"
#include "support/sanitizers.hpp"
#include "transcribe.hpp"

namespace duplex::speech {
namespace {

using nlohmann::json;

model_set models(script lines = {}) {
  script other{.name = "moonshine-tiny", .texts = {"tiny"}};
  return model_set({std::make_shared<scripted_recognizer>(std::move(lines)),
                    std::make_shared<scripted_recognizer>(std::move(other))});
}

std::string base64_of(const std::string& bytes) {
  std::string text;
  append_base64(text, std::as_bytes(std::span(bytes)));
  return text;
}

json request_of(const std::string& file, json fields = json::object()) {
  fields["audio_base64"] = base64_of(file);
  return fields;
}

json reply_to(const model_set& served, const std::string& message,
              const std::stop_token& stop = {}) {
  return json::parse(request_handler(served).respond(buffer(as_bytes(message)), stop));
}

json reply_to(const json& request) { return reply_to(models(), request.dump()); }

TEST(handler, reply_has_all_that_the_protocol_promises) {
  json reply =
      reply_to(models({.texts = {"one", "two"}}), request_of(wav_file(tone(2.5, 16000))).dump());
  for (const char* field : {"queue_ms", "decode_ms"}) {
    EXPECT_TRUE(reply["timing"][field].is_number_integer()) << field;
    reply["timing"].erase(field);
  }
  EXPECT_EQ(
      reply,
      json::parse(
          R"({"text": "one two one", "state": "success", "duration_ms": 2500, "complete": true, "lang": "en",
    "model": "scripted", "segments": [{"text": "one", "start_ms": 0, "end_ms": 1000},
    {"text": "two", "start_ms": 1000, "end_ms": 2000}, {"text": "one", "start_ms": 2000, "end_ms": 2500}],
    "timing": {}})"));
}

TEST(handler, text_and_state_come_first) {
  const auto served = models();
  const std::string message = request_of(wav_file(tone(1, 16000))).dump();
  const std::string reply = request_handler(served).respond(buffer(as_bytes(message)));
  EXPECT_TRUE(reply.starts_with(R"({"text":"segment 0","state":"success")")) << reply;
}

TEST(handler, a_recording_that_is_cut_off_is_not_complete) {
  const auto file = wav_file(tone(2, 16000));
  const json reply = reply_to(request_of(file.substr(0, file.size() / 2)));
  EXPECT_EQ(reply["state"], "success");
  EXPECT_EQ(reply["complete"], false);
}

TEST(handler, id_is_given_back) {
  const auto file = wav_file(tone(1, 16000));
  EXPECT_EQ(reply_to(request_of(file, {{"id", "a-1"}}))["id"], "a-1");
  EXPECT_EQ(reply_to(request_of(file, {{"id", 17}}))["id"], 17);
  EXPECT_EQ(reply_to({{"id", 17}})["id"], 17);
  EXPECT_FALSE(reply_to(request_of(file)).contains("id"));
}

TEST(handler, silence_is_an_empty_success) {
  const json reply =
      reply_to(models({.texts = {""}}), request_of(wav_file(std::vector<float>(100))).dump());
  EXPECT_EQ(reply["state"], "success");
  EXPECT_EQ(reply["text"], "");
  EXPECT_EQ(reply["segments"], json::array());
}

TEST(handler, failures_are_told_apart) {
  const auto code = [](const json& request) {
    const json reply = reply_to(request);
    EXPECT_EQ(reply["text"], "");
    EXPECT_EQ(reply["state"], "error");
    EXPECT_NE(reply["error"]["message"], "");
    return reply["error"]["code"];
  };
  const auto file = wav_file(tone(1, 16000));
  EXPECT_EQ(code(3), "bad_json");
  EXPECT_EQ(code(json::object()), "bad_field");
  EXPECT_EQ(code({{"audio_base64", 3}}), "bad_field");
  EXPECT_EQ(code({{"audio_base64", "a"}}), "invalid_base64");
  EXPECT_EQ(code({{"audio_base64", ""}}), "bad_audio");
  EXPECT_EQ(code(request_of("hello")), "bad_audio");
  EXPECT_EQ(code(request_of(file, {{"model", "gpt"}})), "model_not_found");
  EXPECT_EQ(code(request_of(file, {{"lang", "zh"}})), "bad_field");
}

TEST(handler, an_error_reply_is_exactly_so) {
  EXPECT_EQ(error_reply(error_code::bad_json, "expected text"),
            R"({"text":"","state":"error","error":{"code":"bad_json","message":"expected text"}})");
}

TEST(handler, model_is_chosen_by_full_or_short_name) {
  const auto file = wav_file(tone(1, 16000));
  EXPECT_EQ(reply_to(request_of(file, {{"model", "moonshine-tiny"}}))["text"], "tiny");
  EXPECT_EQ(reply_to(request_of(file, {{"model", "tiny"}}))["model"], "moonshine-tiny");
  EXPECT_EQ(reply_to(request_of(file, {{"model", "gpt"}}))["error"]["message"],
            "no model \"gpt\" here, only scripted, moonshine-tiny");
}

TEST(handler, language_may_be_regional_or_left_to_the_model) {
  const auto file = wav_file(tone(1, 16000));
  for (const char* lang : {"", "en", "en-US", "en_GB", "auto"}) {
    EXPECT_EQ(reply_to(request_of(file, {{"lang", lang}}))["lang"], "en") << lang;
  }
}

TEST(handler, audio_comes_back_when_asked_for) {
  const json reply =
      reply_to(request_of(audio_file(tone(1, 8000), {SF_FORMAT_WAV | SF_FORMAT_PCM_16, 8000, 2}),
                          {{"return_audio", true}}));
  std::string text = reply["audio_base64"];
  const auto bytes = decode_base64_in_place(text);
  const auto samples = samples_of({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  EXPECT_NEAR(static_cast<double>(samples.size()), 16000, 1);
  EXPECT_NEAR(amplitude_at(samples, sample_rate, 440), 0.5, 0.03);
  EXPECT_EQ(reply["state"], "success");
}

TEST(handler, audio_to_be_given_back_is_bounded) {
  const auto served = models();
  const request_handler handler(served, {.max_returned = std::chrono::seconds(2)});
  const auto ask = [&](double seconds, bool back) {
    const std::string text =
        request_of(wav_file(tone(seconds, 16000)), {{"return_audio", back}}).dump();
    return json::parse(handler.respond(buffer(as_bytes(text))));
  };
  EXPECT_EQ(ask(2, true)["state"], "success");
  EXPECT_EQ(ask(3, false)["state"], "success");
  const json refused = ask(3, true);
  EXPECT_EQ(refused["error"]["code"], "bad_field");
  EXPECT_EQ(refused["error"]["message"], "return_audio is for at most 2 s of audio");
}

TEST(handler, audio_to_be_given_back_counts_as_memory) {
  const auto served = models();
  const request_handler handler(served);
  const std::string text = request_of(wav_file(tone(1, 16000)), {{"return_audio", true}}).dump();
  const auto code_with = [&](std::size_t room) {
    const auto budget = std::make_shared<memory_budget>(text.size() + room);
    const auto held = std::make_shared<memory_share>(budget);
    EXPECT_TRUE(held->resize(text.size()));
    answering work(handler, buffer(as_bytes(text)), held);
    std::optional<std::string> reply;
    while (!reply) reply = work.step({});
    return work.failure() ? std::optional(work.failure()->code()) : std::nullopt;
  };
  EXPECT_EQ(code_with(32'000 * 7 / 3 - 10), error_code::overloaded);
  EXPECT_EQ(code_with(32'000 * 7 / 3 + 10), std::nullopt);
}

TEST(handler, a_failing_engine_is_answered) {
  const auto served = models({.before_segment = [](std::size_t n, const std::stop_token&) {
    if (n == 1) throw std::runtime_error("out of luck");
  }});
  const json reply = reply_to(served, request_of(wav_file(tone(2, 16000)), {{"id", 1}}).dump());
  EXPECT_EQ(reply, json::parse(R"({"text": "", "state": "error", "id": 1,
                                   "error": {"code": "engine_failed", "message": "out of luck"}})"));
}

TEST(handler, text_that_is_not_utf8_leaves_as_utf8) {
  const json reply =
      reply_to(models({.texts = {"a\xFF\xC3z"}}), request_of(wav_file(tone(1, 16000))).dump());
  EXPECT_EQ(reply["text"], "a\uFFFD\uFFFDz");
}

TEST(handler, stop_ends_a_request_that_waits_and_one_that_decodes) {
  std::stop_source before;
  before.request_stop();
  const std::string message = request_of(wav_file(tone(3, 16000))).dump();
  EXPECT_EQ(reply_to(models(), message, before.get_token())["error"]["code"], "cancelled");

  gate stall;
  const auto served = models(
      {.before_segment = [&](std::size_t, const std::stop_token& stop) { stall.pass(stop); }});
  std::stop_source during;
  json reply;
  std::jthread decoding([&] { reply = reply_to(served, message, during.get_token()); });
  stall.wait_for_arrivals(1);
  during.request_stop();
  decoding.join();
  EXPECT_EQ(reply["error"]["code"], "cancelled");
}

TEST(handler, a_step_decodes_one_segment_at_most) {
  std::size_t decoded = 0;
  const auto served =
      models({.before_segment = [&](std::size_t, const std::stop_token&) { ++decoded; }});
  const request_handler handler(served);
  const std::string message = request_of(wav_file(tone(5, 16000)), {{"id", 7}}).dump();
  answering work(handler, buffer(as_bytes(message)));
  std::optional<std::string> reply;
  while (!reply) {
    const std::size_t before = decoded;
    reply = work.step({});
    EXPECT_LE(decoded, before + 1);
  }
  EXPECT_EQ(decoded, 5U);
  EXPECT_EQ(json::parse(*reply)["id"], 7);
  EXPECT_FALSE(work.failure());
}

TEST(handler, waiting_between_steps_is_time_in_the_queue) {
  const auto served = models();
  const request_handler handler(served);
  const std::string message = request_of(wav_file(tone(1, 16000))).dump();
  answering work(handler, buffer(as_bytes(message)));
  std::this_thread::sleep_for(std::chrono::milliseconds(12));  // what is measured
  std::optional<std::string> reply;
  while (!reply) reply = work.step({});
  EXPECT_GE(json::parse(*reply)["timing"]["queue_ms"], 12);
}

TEST(handler, many_requests_at_once_are_answered_each_with_its_own) {
  const auto served = models();
  std::vector<std::jthread> threads;
  std::vector<json> replies(8);
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&served, &replies, i] {
      replies[i] = reply_to(served, request_of(wav_file(tone(i + 1, 16000)), {{"id", i}}).dump());
    });
  }
  threads.clear();
  for (int i = 0; i < 8; ++i) {
    EXPECT_EQ(replies[i]["id"], i);
    EXPECT_EQ(replies[i]["segments"].size(), static_cast<std::size_t>(i + 1));
  }
}

TEST(handler, audio_beyond_the_longest_is_refused) {
  const auto served = models();
  const request_handler handler(served, {.max_audio = std::chrono::seconds(2)});
  const auto reply = [&](const std::vector<float>& samples) {
    const std::string message = request_of(wav_file(samples)).dump();
    return json::parse(handler.respond(buffer(as_bytes(message))));
  };
  auto samples = tone(2, 16000);
  EXPECT_EQ(reply(samples)["duration_ms"], 2000);
  samples.push_back(0);
  EXPECT_EQ(reply(samples)["error"]["message"], "audio is longer than 2 s");
}

// In kB, from the system.
long memory(const char* field) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(field)) return std::stol(line.substr(line.find(':') + 1));
  }
  throw std::runtime_error(std::string("no ") + field);
}

void forget_peak_memory() { std::ofstream("/proc/self/clear_refs") << "5"; }

TEST(handler, an_hour_of_audio_needs_no_second_copy_of_it) {
  if (test::sanitized) GTEST_SKIP() << "sanitizers keep memory of their own";
  constexpr std::size_t hour_bytes = 3600 * sample_rate * 2;
  std::string wav = wav_file(tone(1, 16000));
  const std::string second = wav.substr(44);
  wav.reserve(44 + hour_bytes);
  for (int i = 1; i < 3600; ++i)
    wav += second;  // the header promises one second; its size is set below
  const auto data_size = static_cast<std::uint32_t>(hour_bytes);
  wav.replace(40, 4, reinterpret_cast<const char*>(&data_size), 4);
  buffer message(as_bytes(R"({"audio_base64":")"));
  {
    const std::string text = base64_of(wav);
    message.reserve(text.size() + 100);
    message.append(as_bytes(text));
  }
  message.append(as_bytes("\"}"));
  wav = {};

  const auto served = models({.segment_samples = 20 * sample_rate});
  const request_handler handler(served);
  const std::size_t size = message.size();
  forget_peak_memory();
  const long before = memory("VmRSS");
  const std::string text = handler.respond(std::move(message));
  const long grown = memory("VmHWM") - before;
  EXPECT_EQ(json::parse(text)["duration_ms"], 3'600'000);
  EXPECT_EQ(json::parse(text)["segments"].size(), 180U);
  std::printf("%zu MB message, %ld MB more at the peak\n", size >> 20, grown >> 10);
  EXPECT_LT(grown, 24 << 10);
}

}  // namespace
}  // namespace duplex::speech
