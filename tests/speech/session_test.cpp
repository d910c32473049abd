#include "speech/session/session.hpp"

#include <gtest/gtest.h>

#include "session_client.hpp"

namespace duplex::speech {
namespace {

using namespace test;
using nlohmann::json;

// A client whose session has started.
struct session : testing::Test {
  void begin(std::string_view start = plain_start) {
    client.send(start);
    started = client.read_one();
    ASSERT_EQ(started["type"], "started");
  }

  session_bench bench;
  test_client client{bench};
  json started;
};

TEST_F(session, started_tells_limits_and_what_was_understood) {
  begin();
  EXPECT_EQ(started["seq"], 1);
  EXPECT_EQ(started["session"].get<std::string>().size(), 24U);
  EXPECT_FALSE(started.contains("resume_token"));
  EXPECT_EQ(started["limits"], (json{{"window_ms", 20'000},
                                     {"window_bytes", 640'000},
                                     {"max_msg", 1 << 20},
                                     {"idle_ms", 60'000},
                                     {"max_session_ms", 14'400'000}}));
  const json& effective = started["effective"];
  EXPECT_EQ(effective["model"], "scripted");
  EXPECT_EQ(effective["lang"], "en");
  EXPECT_EQ(effective["rate"], 16000);
  EXPECT_EQ(effective["partials"]["interval_ms"], 300);
  EXPECT_EQ(bench.stream().start.model, "scripted");
}

TEST_F(session, audio_and_commands_reach_the_stream_in_order) {
  begin();
  client.send_audio(320);
  client.send(R"({"type":"flush"})");
  client.send_audio(1);
  client.send_audio(0);
  client.send(R"({"type":"configure","partials":false})");
  client.send(R"({"type":"keepalive"})");
  client.send(R"({"type":"stop"})");
  EXPECT_EQ(bench.stream().inputs,
            (std::vector<std::string>{"audio 320", "flush", "audio 1", "partials 0", "finish"}));
  EXPECT_EQ(client.read_types(), "");
}

TEST_F(session, a_flush_without_audio_after_the_last_is_none) {
  begin();
  for (int i = 0; i < 3; ++i) client.send(R"({"type":"flush"})");
  EXPECT_EQ(bench.stream().inputs, std::vector<std::string>{"flush"});
}

TEST_F(session, events_are_told_with_ascending_numbers) {
  begin();
  bench.tell(speech_started{120});
  bench.tell(partial(0, "hello wor", 5), 80ms);
  bench.tell(speech_ended{900});
  bench.tell(final_of(0, "hello world"), 200ms);
  const auto heard = client.read();
  ASSERT_EQ(heard.size(), 4U);
  EXPECT_EQ(heard[0], (json{{"type", "speech_start"}, {"seq", 2}, {"at_ms", 120}}));
  EXPECT_EQ(heard[1], (json{{"type", "partial"},
                            {"seq", 3},
                            {"seg", 0},
                            {"rev", 1},
                            {"stable", "hello"},
                            {"text", "hello wor"},
                            {"start_ms", 0},
                            {"end_ms", 500},
                            {"lag_ms", 80}}));
  EXPECT_EQ(heard[2], (json{{"type", "speech_end"}, {"seq", 4}, {"at_ms", 900}}));
  EXPECT_EQ(heard[3], (json{{"type", "final"},
                            {"seq", 5},
                            {"seg", 0},
                            {"text", "hello world"},
                            {"start_ms", 0},
                            {"end_ms", 900},
                            {"lang", "en"},
                            {"lag_ms", 200},
                            {"reason", "silence"}}));
}

TEST_F(session, words_are_told_to_those_who_asked) {
  begin();
  auto final = final_of(0, "hi");
  final.words = {{"hi", 100, 300}};
  client.send(R"({"type":"configure","words":true})");
  bench.tell(final);
  EXPECT_EQ(client.read_one()["words"], json::parse(R"([{"w":"hi","s":100,"e":300}])"));
}

TEST_F(session, partials_against_what_was_stable_are_not_told) {
  begin();
  bench.tell(partial(0, "one two", 3));
  bench.tell(partial(0, "one to", 2));    // stable shrank
  bench.tell(partial(0, "won two", 3));   // and changed
  bench.tell(partial(0, "one two", 99));  // beyond the text
  bench.tell(partial(0, "one two three", 7));
  bench.tell(final_of(0, "one two three"));
  bench.tell(partial(0, "one two three four"));  // after its final
  const auto heard = client.read();
  ASSERT_EQ(heard.size(), 3U);
  EXPECT_EQ(heard[1]["rev"], 2);
  EXPECT_EQ(heard[1]["stable"], "one two");
}

TEST_F(session, partials_that_were_turned_off_are_not_told) {
  begin();
  client.send(R"({"type":"configure","partials":false})");
  bench.tell(partial(0, "on its way"));
  EXPECT_EQ(client.read_types(), "");
}

TEST_F(session, finals_out_of_order_end_it) {
  begin();
  bench.tell(final_of(1, "second"));
  const json error = client.read_one();
  EXPECT_EQ(error["code"], "engine_failed");
  EXPECT_EQ(client.close_code(), 1011);
}

TEST_F(session, stop_is_answered_with_finals_done_and_1000) {
  begin();
  client.send_audio(32'000);
  client.send(R"({"type":"stop"})");
  EXPECT_EQ(client.close_code(), 0);
  bench.tell(audio_processed{32'000});
  bench.tell(final_of(0, "one"));
  bench.tell(final_of(1, ""));
  bench.tell(final_of(2, "three"));
  bench.now += 150ms;
  bench.tell(stream_finished{1000});
  const auto heard = client.read();
  ASSERT_EQ(heard.size(), 6U);
  EXPECT_EQ(heard[0],
            (json{{"type", "progress"}, {"seq", 2}, {"received", 32'000}, {"processed", 32'000}}));
  EXPECT_EQ(heard[4]["type"], "stats");
  EXPECT_EQ(heard[4]["stop_to_done_ms"], 150);
  EXPECT_EQ(heard[5], (json{{"type", "done"},
                            {"seq", 7},
                            {"audio_ms", 1000},
                            {"segments", 3},
                            {"text", "one three"}}));
  EXPECT_EQ(client.close_code(), 1000);
  EXPECT_TRUE(bench.stream().is_cancelled);
}

TEST_F(session, cancel_ends_it_at_once_with_the_finals_so_far) {
  begin();
  bench.tell(final_of(0, "one"));
  client.send_audio(64'000);
  client.send(R"({"type":"cancel"})");
  EXPECT_TRUE(bench.stream().is_cancelled);
  bench.tell(final_of(1, "late"));
  const auto heard = client.read();
  ASSERT_EQ(heard.size(), 2U);
  EXPECT_EQ(
      heard[1],
      (json{{"type", "done"}, {"seq", 3}, {"audio_ms", 900}, {"segments", 1}, {"text", "one"}}));
  EXPECT_EQ(client.close_code(), 1000);
}

TEST_F(session, cancel_after_stop_waits_for_no_final) {
  begin();
  client.send(R"({"type":"stop"})");
  client.send(R"({"type":"cancel"})");
  EXPECT_EQ(client.read_types(), "done");
}

TEST_F(session, what_is_not_for_now_is_answered_and_has_no_effect) {
  begin();
  client.send(plain_start);
  EXPECT_EQ(client.read_one(), (json{{"type", "error"},
                                     {"seq", 2},
                                     {"code", "bad_state"},
                                     {"message", "start is not for a session that was started"},
                                     {"fatal", false}}));
  client.send(R"({"type":"resume","session":"a","token":"b","last_seq":0})");
  EXPECT_EQ(client.read_one()["code"], "bad_state");
  client.send(R"({"type":"stop"})");
  client.send(R"({"type":"stop"})");
  EXPECT_EQ(client.read_types(), "") << "who resumed cannot know whether the first came";
  for (const auto* type : {"flush", "configure"}) {
    client.send(R"({"type":")" + std::string(type) + "\"}");
    const json error = client.read_one();
    EXPECT_EQ(error["message"], std::string(type) + " is not for a session that was stopped");
    EXPECT_EQ(error["fatal"], false);
  }
  EXPECT_EQ(bench.stream().inputs, std::vector<std::string>{"finish"});
  EXPECT_EQ(client.close_code(), 0);
}

TEST_F(session, late_audio_is_told_of_once) {
  begin();
  client.send(R"({"type":"stop"})");
  for (int i = 0; i < 3; ++i) client.send_audio(320);
  EXPECT_EQ(client.read_one()["code"], "bad_state");
  EXPECT_EQ(bench.stream().inputs, std::vector<std::string>{"finish"});
}

TEST_F(session, mistakes_in_fields_leave_it_as_it_was) {
  begin();
  client.send(R"({"type":"configure","partials":{"interval_ms":7}})");
  const json error = client.read_one();
  EXPECT_EQ(error["code"], "bad_field");
  EXPECT_EQ(error["fatal"], false);
  EXPECT_TRUE(bench.stream().inputs.empty());
  EXPECT_EQ(client.close_code(), 0);
}

TEST_F(session, nothing_can_be_said_after_the_end) {
  begin();
  client.send("{");
  EXPECT_EQ(client.read_types(), "error");
  client.send(R"({"type":"stop"})");
  client.send_audio(3);
  bench.tell(final_of(0, "late"));
  bench.now += 24h;
  client.link().advance(bench.now);
  client.link().drain(bench.now, bench.now);
  EXPECT_EQ(client.read_types(), "");
  EXPECT_EQ(client.close_code(), 1007);
  EXPECT_EQ(client.link().deadline(), bench.now + 10s) << "of the farewell";
}

TEST_F(session, a_query_starts_it) {
  client.link().receive_query("format=pcm_s16le&rate=8000&token=x", bench.now);
  EXPECT_EQ(client.read_one()["effective"]["rate"], 8000);
}

TEST_F(session, a_query_without_fields_leaves_the_start_to_a_message) {
  client.link().receive_query("token=x", bench.now);
  EXPECT_EQ(client.read_types(), "");
  begin();
}

TEST_F(session, whoever_sends_is_woken_by_all_there_is_to_send) {
  begin();
  int woken = client.wakes();
  bench.tell(speech_started{0});
  EXPECT_GT(client.wakes(), std::exchange(woken, client.wakes()));
  client.send(plain_start);
  EXPECT_GT(client.wakes(), std::exchange(woken, client.wakes()));
  bench.tell(stream_failed{error_code::engine_failed, "no"});
  EXPECT_GT(client.wakes(), woken);
}

// Flow control.

TEST_F(session, acks_tell_what_arrived_and_what_is_done_with) {
  begin();
  client.send_audio(32'000);
  bench.tell(audio_processed{15'000});
  EXPECT_EQ(client.read_types(), "") << "less than half a second";
  bench.tell(audio_processed{16'000});
  EXPECT_EQ(client.read_one(), (json{{"type", "ack"},
                                     {"seq", 2},
                                     {"received", 32'000},
                                     {"processed", 16'000},
                                     {"window_ms", 20'000}}));
  bench.tell(audio_processed{8'000});
  EXPECT_EQ(client.read_types(), "") << "nothing goes backwards";
}

TEST_F(session, clients_that_ignore_acks_are_warned_and_then_ended) {
  begin();
  for (int second = 0; second < 40; ++second) client.send_audio(32'000);
  EXPECT_EQ(client.read_types(), "");
  client.send_audio(32'000);
  EXPECT_EQ(client.read_one(),
            (json{{"type", "warning"}, {"seq", 2}, {"code", "overloaded"}, {"in_ms", 19'000}}));
  for (int second = 41; second < 60; ++second) client.send_audio(32'000);
  EXPECT_EQ(client.read_types(), "");
  client.send_audio(1);
  const json error = client.read_one();
  EXPECT_EQ(error["code"], "overloaded");
  EXPECT_EQ(error["retry_after_ms"], 5'000);
  EXPECT_EQ(client.close_code(), 1013);
  EXPECT_TRUE(bench.stream().is_cancelled);
}

TEST_F(session, overload_is_warned_of_again_once_it_had_passed) {
  begin();
  const auto flood = [this](int seconds) {
    for (int i = 0; i < seconds; ++i) client.send_audio(32'000);
  };
  flood(45);
  bench.tell(audio_processed{10 * 32'000});
  flood(10);
  EXPECT_EQ(client.read_types(), "warning ack") << "still the same";
  bench.tell(audio_processed{55 * 32'000});
  flood(45);
  EXPECT_EQ(client.read_types(), "ack warning");
}

TEST_F(session, reading_pauses_for_clients_without_acks) {
  begin(R"({"type":"start","format":"pcm_s16le","rate":16000,"acks":false})");
  client.send_audio(640'000);
  EXPECT_TRUE(client.link().wants_input());
  client.send_audio(640'000);
  EXPECT_FALSE(client.link().wants_input());
  bench.now += 2h;
  client.link().advance(bench.now);
  EXPECT_EQ(client.read_types(), "") << "neither overloaded nor idle";
  bench.tell(audio_processed{640'000});
  EXPECT_TRUE(client.link().wants_input());
  EXPECT_EQ(client.read_types(), "") << "no ack";
}

// Time.

TEST_F(session, nothing_is_said_because_time_passed) {
  begin();
  client.send_audio(16'000);
  for (int i = 0; i < 59; ++i) {
    bench.now += 1s;
    client.link().advance(bench.now);
  }
  EXPECT_EQ(client.read_types(), "");
}

TEST_F(session, silence_of_the_client_ends_it_with_what_was_said) {
  begin();
  client.send_audio(16'000);
  bench.now += 30s;
  client.send(R"({"type":"keepalive"})");
  EXPECT_EQ(client.link().deadline(), bench.now + 60s);
  bench.now += 60s;
  client.link().advance(bench.now);
  EXPECT_EQ(bench.stream().inputs.back(), "finish");
  bench.tell(final_of(0, "last words"));
  bench.tell(stream_finished{500});
  EXPECT_EQ(client.read_types(), "final ack error");
  EXPECT_EQ(client.close_code(), 1008);
}

TEST_F(session, a_client_that_waits_for_acks_is_not_idle) {
  begin();
  client.send_audio(600'000);
  bench.now += 1h;
  EXPECT_GT(client.link().deadline(), bench.now);
  client.link().advance(bench.now);
  EXPECT_EQ(client.read_types(), "");
  bench.tell(audio_processed{600'000});
  EXPECT_EQ(client.link().deadline(), bench.now + 60s);
}

TEST_F(session, its_limit_is_warned_of_on_an_occasion) {
  begin();
  bench.now += 4h - 50s;
  client.send_audio(2);
  const auto heard = client.read();
  ASSERT_EQ(heard.size(), 1U);
  EXPECT_EQ(heard[0],
            (json{{"type", "warning"}, {"seq", 2}, {"code", "session_limit"}, {"in_ms", 50'000}}));
}

TEST_F(session, decoding_after_stop_takes_bounded_time) {
  begin();
  client.send(R"({"type":"stop"})");
  EXPECT_EQ(client.link().deadline(), bench.now + 60s);
  bench.now += 60s;
  client.link().advance(bench.now);
  EXPECT_EQ(client.read_one()["code"], "overloaded");
  EXPECT_EQ(client.close_code(), 1013);
}

TEST_F(session, without_a_start_the_connection_ends) {
  EXPECT_EQ(client.link().deadline(), bench.now + 60s);
  bench.now += 60s;
  client.link().advance(bench.now);
  EXPECT_EQ(client.read_one()["code"], "idle_timeout");
  EXPECT_EQ(client.close_code(), 1008);
}

// The server ends.

TEST_F(session, a_drain_decodes_what_came_and_takes_no_more) {
  begin();
  client.send_audio(16'000);
  client.link().drain(bench.now + 10s, bench.now);
  EXPECT_EQ(client.read_one(), (json{{"type", "draining"}, {"seq", 2}, {"deadline_ms", 10'000}}));
  client.send_audio(16'000);
  client.send(R"({"type":"flush"})");
  EXPECT_EQ(bench.stream().inputs, (std::vector<std::string>{"audio 16000", "finish"}));
  bench.tell(final_of(0, "saved"));
  bench.tell(audio_processed{16'000});
  bench.tell(stream_finished{500});
  const auto heard = client.read();
  ASSERT_EQ(heard.size(), 4U);
  EXPECT_EQ(heard[0]["text"], "saved");
  EXPECT_EQ(heard[1]["processed"], 16'000);
  EXPECT_EQ(heard[3]["code"], "draining");
  EXPECT_EQ(heard[3]["retry_after_ms"], 5'000);
  EXPECT_EQ(client.close_code(), 1012);
}

TEST_F(session, a_stop_after_the_drain_gets_done_and_1000) {
  begin();
  client.link().drain(bench.now + 10s, bench.now);
  client.send(R"({"type":"stop"})");
  bench.tell(stream_finished{0});
  EXPECT_EQ(client.read_types(), "draining stats done");
  EXPECT_EQ(client.close_code(), 1000);
}

TEST_F(session, the_deadline_of_a_drain_holds) {
  begin();
  client.send(R"({"type":"stop"})");
  client.link().drain(bench.now + 3s, bench.now);
  EXPECT_EQ(client.link().deadline(), bench.now + 3s);
  bench.now += 3s;
  client.link().advance(bench.now);
  EXPECT_EQ(client.read_types(), "draining error");
  EXPECT_EQ(client.close_code(), 1012);
}

TEST_F(session, a_drain_refuses_new_ones) {
  bench.store.drain();
  client.send(plain_start);
  EXPECT_EQ(client.read_one()["code"], "draining");
  EXPECT_EQ(client.close_code(), 1012);
  test_client waiting(bench);
  waiting.link().drain(bench.now, bench.now);
  EXPECT_EQ(waiting.read_one()["code"], "draining");
}

// Memory.

TEST_F(session, clients_that_do_not_read_are_ended) {
  begin();
  const std::string text(1000, 'x');
  for (int i = 0; i < 1000; ++i) bench.tell(final_of(i, text));
  const auto heard = client.read();
  EXPECT_LT(heard.size(), 530U);
  EXPECT_EQ(heard.back()["code"], "overloaded");
  EXPECT_EQ(client.close_code(), 1013);
}

TEST_F(session, what_was_read_is_forgotten) {
  begin();
  for (int i = 0; i < 10'000; ++i) {
    bench.tell(partial(0, std::string(1000, 'x')));
    client.read();
  }
  EXPECT_LT(client.link().current()->memory(), 1000U);
}

TEST_F(session, text_that_is_no_utf8_is_mended) {
  begin();
  bench.tell(final_of(0, "a\xff"));
  EXPECT_EQ(client.read_one()["text"], "a\ufffd");
}

}  // namespace
}  // namespace duplex::speech
