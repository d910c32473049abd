// Every error code of the protocol: how it comes about, how it ends, and that none is forgotten.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <map>

#include "session_client.hpp"
#include "speech/request/handler.hpp"
#include "speech/session/session_link.hpp"

namespace duplex::speech {
namespace {

using namespace test;
using nlohmann::json;

// A way to an error on a connection: what the client and the server do.
struct way {
  int close_code = 0;  // 0: of the one-message request alone
  std::function<void(session_bench&, test_client&)> go = {};
};

void fail_stream(session_bench& bench, test_client& client, error_code code) {
  client.send(plain_start);
  bench.tell(stream_failed{code, "it says why"});
}

void end_at(session_bench& bench, test_client& client, std::chrono::milliseconds time) {
  bench.now += time;
  client.link().advance(bench.now);
  bench.tell(stream_finished{0});
}

const std::map<error_code, way>& ways() {
  static const std::map<error_code, way> all{
      {error_code::bad_json, {1007, [](auto&, auto& client) { client.send("hello"); }}},
      {error_code::bad_state, {1008, [](auto&, auto& client) { client.send_audio(2); }}},
      {error_code::bad_field,
       {1008, [](auto&, auto& client) { client.send(R"({"type":"start"})"); }}},
      {error_code::unsupported_format,
       {1003,
        [](auto&, auto& client) {
          client.send(R"({"type":"start","format":"opus","rate":48000})");
        }}},
      {error_code::invalid_base64, {}},
      {error_code::bad_audio,
       {1003,
        [](auto& bench, auto& client) { fail_stream(bench, client, error_code::bad_audio); }}},
      {error_code::unauthorized,
       {1008,
        [](auto&, auto& client) { client.link().refuse(error_code::unauthorized, "no token"); }}},
      {error_code::forbidden_origin,
       {1008,
        [](auto&, auto& client) {
          client.link().refuse(error_code::forbidden_origin, "origin https://example.com");
        }}},
      {error_code::model_not_found,
       {1008,
        [](auto&, auto& client) {
          client.send(R"({"type":"start","format":"auto","model":"huge"})");
        }}},
      {error_code::too_many_sessions,
       {1013,
        [](auto& bench, auto& client) {
          bench.refusal.emplace(error_code::too_many_sessions, "100 sessions, and 100 is the most");
          client.send(plain_start);
        }}},
      {error_code::overloaded,
       {1013,
        [](auto&, auto& client) {
          client.send(plain_start);
          for (int i = 0; i < 61; ++i) client.send_audio(32'000);
        }}},
      {error_code::message_too_big,
       {1009,
        [](auto&, auto& client) {
          client.send(plain_start);
          client.send_audio((1 << 20) + 1);
        }}},
      {error_code::idle_timeout,
       {1008,
        [](auto& bench, auto& client) {
          client.send(plain_start);
          end_at(bench, client, 60s);
        }}},
      {error_code::session_limit,
       {1008,
        [](auto& bench, auto& client) {
          client.send(plain_start);
          bench.now += 4h;
          client.send(R"({"type":"keepalive"})");
          end_at(bench, client, 0s);
        }}},
      {error_code::resume_unknown,
       {1008,
        [](auto&, auto& client) {
          client.send(R"({"type":"resume","session":"a","token":"b","last_seq":0})");
        }}},
      {error_code::resume_expired,
       {1008,
        [](auto& bench, auto& client) {
          test_client before(bench);
          before.send(resumable_start);
          const json started = before.read_one();
          before.disconnect(1006);
          bench.now += 30s;
          bench.store.advance(bench.now);
          client.send(resume_text(started, 1));
        }}},
      {error_code::engine_failed,
       {1011,
        [](auto& bench, auto& client) { fail_stream(bench, client, error_code::engine_failed); }}},
      {error_code::draining,
       {1012,
        [](auto& bench, auto& client) {
          client.send(plain_start);
          client.link().drain(bench.now + 5s, bench.now);
          bench.tell(stream_finished{0});
        }}},
      {error_code::internal,
       {1011,
        [](auto& bench, auto& client) {
          client.send(plain_start);
          bench.tell(stream_finished{0});  // nobody asked for it
        }}},
      {error_code::cancelled, {}},
  };
  return all;
}

TEST(session_error, every_code_is_reached_and_precedes_its_close) {
  for (const error_code code : all_error_codes) {
    SCOPED_TRACE(to_string(code));
    const auto found = ways().find(code);
    ASSERT_NE(found, ways().end()) << "a code without a test";
    if (found->second.close_code == 0) continue;
    session_bench bench;
    test_client client(bench);
    found->second.go(bench, client);
    EXPECT_EQ(client.close_code(), 0) << "not before the error was sent";
    const auto heard = client.read();
    ASSERT_FALSE(heard.empty());
    const json& error = heard.back();
    EXPECT_EQ(error["type"], "error");
    EXPECT_EQ(error["code"], to_string(code));
    EXPECT_EQ(error["fatal"], true);
    EXPECT_FALSE(error["message"].get<std::string>().empty());
    EXPECT_EQ(error.contains("retry_after_ms"), is_worth_retrying(code));
    EXPECT_EQ(client.close_code(), found->second.close_code);
    EXPECT_EQ(client.close_code(), close_code_of(code));
    EXPECT_TRUE(bench.streams.empty() || bench.stream().is_cancelled);
  }
}

TEST(session_error, codes_of_the_request_alone_are_reached_there) {
  const session_bench bench;
  const request_handler handler(bench.models);
  const auto answer = [&](std::string_view text, const std::stop_token& stop) {
    return json::parse(handler.respond(buffer(as_bytes(text)), stop))["error"]["code"];
  };
  EXPECT_EQ(answer(R"({"audio_base64":"?"})", {}), "invalid_base64");
  std::stop_source stopped;
  stopped.request_stop();
  EXPECT_EQ(answer(R"({"audio_base64":"AAAA"})", stopped.get_token()), "cancelled");
}

TEST(session_error, before_the_start_every_error_is_fatal) {
  for (const std::string_view text :
       {R"({"type":"flush"})", R"({"type":"stop"})", R"({"type":"cancel"})",
        R"({"type":"keepalive"})", R"({"type":"configure"})", R"({"type":"talk"})", "[]"}) {
    session_bench bench;
    test_client client(bench);
    client.send(text);
    const json error = client.read_one();
    EXPECT_EQ(error["fatal"], true) << text;
    EXPECT_EQ(error["seq"], 0) << text;
    EXPECT_NE(client.close_code(), 0) << text;
    client.send(plain_start);
    EXPECT_EQ(client.read_types(), "") << "nothing begins after the end";
  }
}

TEST(session_error, a_text_of_too_many_bytes_is_not_parsed) {
  session_bench bench;
  test_client client(bench);
  client.send(std::string((1 << 20) + 1, ' '));
  EXPECT_EQ(client.read_one()["code"], "message_too_big");
  EXPECT_EQ(client.close_code(), 1009);
}

TEST(session_error, a_language_the_model_does_not_have_is_named) {
  session_bench bench;
  test_client client(bench);
  client.send(R"({"type":"start","format":"auto","lang":"zh"})");
  EXPECT_EQ(client.read_one()["message"], "lang: model scripted understands en, not zh");
}

TEST(session_errors, all_that_are_told_are_counted_once) {
  session_bench bench;
  test_client client(bench);
  client.send(plain_start);
  client.send(R"({"type":"configure","words":7})");
  client.send(plain_start);
  client.send(R"({"type":"stop"})");
  client.send_audio(2);
  client.send_audio(2);  // said once
  client.send("hello");
  client.send("hello");
  test_client other(bench);
  other.send("hello");
  EXPECT_EQ(bench.errors,
            (std::vector{error_code::bad_field, error_code::bad_state, error_code::bad_state,
                         error_code::bad_json, error_code::bad_json}));
}

// What a client that reads nothing more has left.
void expect_farewell(session_bench& bench, test_client& client) {
  const auto advance = [&] {
    ASSERT_TRUE(client.link().deadline());
    bench.now = std::max(bench.now, *client.link().deadline());
    client.link().advance(bench.now);
  };
  const auto before = bench.now;
  advance();  // which begins it
  EXPECT_FALSE(client.link().is_given_up());
  EXPECT_EQ(client.link().deadline(), before + 10s);
  bench.now += 9'999ms;
  client.link().advance(bench.now);
  EXPECT_FALSE(client.link().is_given_up());
  advance();
  EXPECT_TRUE(client.link().is_given_up());
  EXPECT_EQ(client.link().deadline(), std::nullopt);
}

TEST(session_farewell, a_client_that_does_not_read_the_end_is_given_up) {
  session_bench bench;
  test_client client(bench);
  bench.now += 1h;
  client.send(plain_start);
  client.send(R"({"type":"stop"})");
  bench.tell(stream_finished{0});
  expect_farewell(bench, client);
}

TEST(session_farewell, an_error_before_a_session_is_an_end_too) {
  session_bench bench;
  test_client client(bench);
  client.send("hello");
  expect_farewell(bench, client);
}

TEST(session_windows, audio_beyond_them_is_bounded_over_all_sessions) {
  session_bench bench({.beyond_windows = 100'000});
  test_client modest(bench), first(bench), second(bench);
  for (test_client* each : {&modest, &first, &second}) {
    each->send(plain_start);
    each->send_audio(640'000);  // the window
  }
  first.send_audio(60'000);
  second.send_audio(40'000);
  EXPECT_EQ(second.close_code(), 0);
  second.send_audio(1);
  const json error = second.read().back();
  EXPECT_EQ(error["code"], "overloaded");
  EXPECT_EQ(error["message"],
            "680001 bytes of audio wait; the window is 640000, and what waits beyond those of all "
            "sessions is too much");
  first.send_audio(40'000);  // what the second had
  EXPECT_EQ(first.read_types(), "started");
  EXPECT_EQ(modest.read_types(), "started");
}

TEST(session_windows, audio_beyond_them_counts_until_it_is_processed) {
  session_bench bench({.beyond_windows = 100'000});
  test_client first(bench), second(bench);
  first.send(plain_start);
  first.send_audio(740'000);
  bench.tell(audio_processed{50'000});
  second.send(plain_start);
  second.send_audio(690'000);
  EXPECT_EQ(second.read_types(), "started");
  second.send_audio(2);
  EXPECT_EQ(second.read_types(), "error");
}

}  // namespace
}  // namespace duplex::speech
